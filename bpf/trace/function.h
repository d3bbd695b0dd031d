/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Functions that fill in the event of a call.
 *
 * The verifier follows a global function once, and what is static or inlined again for every
 * way to it. A global function takes a pointer from Linux 5.12 on (btf_check_func_arg_match,
 * kernel/bpf/btf.c), before that numbers alone. To call one takes longer than what it does:
 * where processors are kept from predicting returns (Safe RET, arch/x86/lib/retpoline.S,
 * 6.5), as long as 20 other instructions. */
#pragma once

#include "../common/kernel.h"
#include "event.h"

/* Returns the current task, TYPED. */
static __always_inline struct task_struct *current_task(void)
{
	return TYPED((struct task_struct *)bpf_get_current_task());
}

/* FUNCTION(name) begins what becomes two functions: name(s, task), which is inlined in the
 * object for new kernels, for what every event needs, and name_once(), a global function that
 * does it with scratch. In the object for old kernels the first is the second. */
#ifdef DIRECT
#define INLINED(name) name##_body(s, task)
#else
#define INLINED(name) name##_once()
#endif
#define BODY(name) static __always_inline int name##_body(struct scratch *s, struct task_struct *task)
#define FUNCTION(name)                                                                        \
	BODY(name);                                                                           \
	__noinline int name##_once(void)                                                      \
	{                                                                                     \
		struct scratch *s = my_scratch();                                             \
		return s ? name##_body(s, current_task()) : 0;                                \
	}                                                                                     \
	static __always_inline int name(struct scratch *s, struct task_struct *task) { return INLINED(name); } \
	BODY(name)
