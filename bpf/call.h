/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which system call it is, and what it is given, by the registers. */
#pragma once

#include "ns.h"
#include "sending.h"

/* Whether the task is in a 32-bit call: TS_COMPAT (arch/x86/include/asm/thread_info.h),
 * TIF_32BIT (arch/arm64/include/asm/thread_info.h). */
static __always_inline int in_compat(struct task_struct *task)
{
	if (has_field(struct pt_regs___x86, orig_ax))
		return READ(task, thread_info.status) & 2;
	return !!(READ(task, thread_info.flags) & (1 << 22));
}

struct args {
	u64 first, second;
};

/* The arguments are still there when the call returns, but for arm64's first,
 * which has a copy. */
static __always_inline void arguments(struct args *a, struct pt_regs___x86 *x86, u32 abi)
{
	struct pt_regs___arm64 *arm = (void *)x86;

	if (!has_field(struct pt_regs___x86, orig_ax)) {
		a->first = READ(arm, orig_x0);
		a->second = READ(arm, regs[1]);
	} else if (abi == ABI_COMPAT) {
		a->first = (u32)READ(x86, bx);
		a->second = (u32)READ(x86, cx);
	} else {
		a->first = READ(x86, di);
		a->second = READ(x86, si);
	}
}

static __always_inline u32 number_at_exit(struct pt_regs___x86 *x86)
{
	struct pt_regs___arm64 *arm = (void *)x86;

	if (has_field(struct pt_regs___x86, orig_ax))
		return READ(x86, orig_ax);
	return READ(arm, syscallno);
}

/* Fills which call it is and its arguments; 0 if it is none that matters. Those of
 * clone3 may be where nothing is in memory yet. */
static __noinline int call_of(struct event *e, struct task_struct *task, struct pt_regs___x86 *regs, u32 nr)
{
	struct args a = {};

	if (!e)
		return 0;
	if (in_compat(task)) {
		e->abi = ABI_COMPAT;
		e->call = among(nr, &compat);
	} else {
		e->abi = nr & X32_BIT ? ABI_X32 : ABI_NATIVE;
		nr &= ~X32_BIT;
		e->call = among(nr, &native);
	}
	arguments(&a, regs, e->abi);
	e->fd = -1;
	switch (e->call) {
	case CALL_SETNS:
		e->fd = a.first;
		e->flags = (u32)a.second; /* an int */
		return 1;
	case CALL_UNSHARE:
		e->flags = a.first;
		return 1;
	case CALL_CLONE:
		if (nr != (e->abi == ABI_COMPAT ? compat.clone3 : native.clone3))
			e->flags = (u32)a.first & ~CSIGNAL; /* kernel/fork.c, clone */
		else if (bpf_probe_read_user(&e->flags, sizeof(e->flags), (void *)a.first))
			e->note = NOTE_UNREAD;
		return e->flags & NEW_FLAGS || e->note;
	}
	return 0;
}
