/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program is given by what it is attached to: a kernel function's arguments, or the
 * registers at its entry or return. */
#pragma once

#include "call.h"

/* 1: the programs at functions are kprobes. They run with preemption disabled, from Linux
 * 7.0 on too (function_graph_enter_regs, kernel/trace/fgraph.c; fprobe_return and
 * fprobe_ftrace_entry, kernel/trace/fprobe.c), so none is skipped for another task. */
const volatile u32 by_kprobe;

const volatile u32 at_functions; /* 1: of the traced calls, and not at the tracepoints of all */

static struct task_struct *(*bpf_get_current_task_btf)(void) = (void *)158; /* 5.11 */
static long (*bpf_task_pt_regs)(struct task_struct *task) = (void *)175;    /* 5.15 */

/* Returns an argument of the function, the first or the second. The registers are read by a
 * helper, as the compiler would make one load of both cases, at an offset that the
 * verifier does not know. */
static __always_inline u64 argument(u64 *ctx, u32 n)
{
	struct pt_regs___arm64 *arm = (void *)ctx;
	struct pt_regs___x86 *x86 = (void *)ctx;

	if (!by_kprobe)
		return ctx[n];
	if (bpf_core_field_exists(struct pt_regs___x86, orig_ax))
		return n ? PROBE_READ(x86, si) : PROBE_READ(x86, di);
	return n ? PROBE_READ(arm, regs[1]) : PROBE_READ(arm, regs[0]);
}

/* Returns what a call returns. */
static __always_inline s64 returned(u64 *ctx)
{
	struct pt_regs___arm64 *arm = (void *)ctx;
	struct pt_regs___x86 *x86 = (void *)ctx;

	if (!by_kprobe)
		return ctx[1];
	if (bpf_core_field_exists(struct pt_regs___x86, orig_ax))
		return PROBE_READ(x86, ax);
	return PROBE_READ(arm, regs[0]);
}

/* Returns the registers that the function of a call, or the tracepoint, was given: those of
 * user space. */
static __always_inline void *call_regs(u64 *ctx)
{
	if (!by_kprobe)
		return (void *)ctx[0];
	return (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
}
