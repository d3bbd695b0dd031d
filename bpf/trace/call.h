/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The system call that a task is in, from its registers. */
#pragma once

#include "function.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* The registers at a system call, by architecture. */
struct pt_regs___x86 {
	unsigned long bx, cx, ax, si, di, orig_ax;
};
struct pt_regs___arm64 {
	u64 regs[31];
	u64 orig_x0;
	s32 syscallno;
};

/* What is read only where a call returns that was not seen entering. */
struct thread_info___v511 {
	unsigned long syscall_work; /* x86 from 5.11; flags before */
};

#pragma clang attribute pop

/* Reports whether the task is in a 32-bit call: TS_COMPAT
 * (arch/x86/include/asm/thread_info.h), TIF_32BIT (arch/arm64/include/asm/thread_info.h). */
static __always_inline int in_compat(struct task_struct *task)
{
	if (bpf_core_field_exists(struct pt_regs___x86, orig_ax))
		return !!(GET(task, thread_info.status) & 2);
	return !!(GET(task, thread_info.flags) & (1 << 22));
}

/* The registers still have the arguments when the call returns, except for the first
 * one on arm64, of which there is a copy. */
static __always_inline void read_args(struct args *a, struct pt_regs___x86 *x86, u32 is_compat)
{
	struct pt_regs___arm64 *arm = (void *)x86;

	a->compat = is_compat;
	if (!bpf_core_field_exists(struct pt_regs___x86, orig_ax)) {
		a->first = READ(arm, orig_x0);
		a->second = READ(arm, regs[1]);
	} else if (is_compat) {
		a->first = (u32)READ(x86, bx);
		a->second = (u32)READ(x86, cx);
	} else {
		x86 = TYPED(x86);
		a->first = GET(x86, di);
		a->second = GET(x86, si);
	}
}

/* Reports whether a ptracer has PTRACE_SYSEMU in effect, by which no system call of the
 * task is made: SYSCALL_WORK_BIT_SYSCALL_EMU (include/linux/thread_info.h, 5.11),
 * TIF_SYSCALL_EMU (asm/thread_info.h, 5.10). */
static __always_inline int is_emulated(struct task_struct *task)
{
	struct thread_info___v511 *info = (void *)&task->thread_info;

	if (bpf_core_field_exists(struct thread_info___v511, syscall_work))
		return !!(READ(info, syscall_work) & (1 << 3));
	if (bpf_core_field_exists(struct pt_regs___x86, orig_ax))
		return !!(READ(task, thread_info.flags) & (1 << 6));
	return !!(READ(task, thread_info.flags) & (1 << 12));
}

static __always_inline u32 call_number(struct pt_regs___x86 *x86)
{
	struct pt_regs___arm64 *arm = (void *)x86;

	if (bpf_core_field_exists(struct pt_regs___x86, orig_ax))
		return READ(x86, orig_ax);
	return READ(arm, syscallno);
}

/* Puts into scratch where the registers of the call are, and its number, for functions that
 * take no pointers. 0 if there is no scratch. */
static __always_inline int set_call(void *regs, u32 nr)
{
	struct scratch *s = my_scratch();

	if (!s)
		return 0;
	s->regs = (u64)regs;
	s->nr = nr;
	return 1;
}

/* Fills in the call, from its number and registers in scratch, and its arguments; 0 if it is
 * not a traced one. */
FUNCTION(read_call)
{
	struct args a = {};

	read_args(&a, (void *)s->regs, in_compat(task));
	return identify_call(&s->event, &a, s->nr);
}

/* A filter that traps or kills makes the call return its own number (x86) or first
 * argument (arm64), which no traced call does (syscall_rollback, asm/syscall.h). */
static __always_inline int was_rolled_back(struct scratch *s, s64 ret)
{
	struct pt_regs___x86 *x86 = (void *)s->regs;
	struct pt_regs___arm64 *arm = (void *)x86;

	if (bpf_core_field_exists(struct pt_regs___x86, orig_ax))
		return ret == READ(x86, orig_ax);
	return ret == READ(arm, orig_x0);
}
