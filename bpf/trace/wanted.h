/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who makes a call, and whether the filters of callers let it through. */
#pragma once

#include "caller.h"

const volatile u32 follow;

/* With follow: the descendants of the reader's process. */
struct {
	MAP_TYPE(HASH);
	MAP_KEY(u32);
	MAP_VALUE(u32);
	MAP_ENTRIES(16384);
} followed SEC(".maps");

static __always_inline int is_followed(struct task_struct *task)
{
	u32 tgid = READ(task, tgid);

	return bpf_map_lookup_elem(&followed, &tgid) != NULL;
}

/* Fills in, of the event in scratch, the caller; 0 if a filter excludes it. */
__noinline int fill_caller(void)
{
	struct task_struct *task = TYPED((struct task_struct *)bpf_get_current_task());
	struct scratch *s = my_scratch();
	struct event *e;

	if (!s)
		return 0;
	e = &s->event;
	e->pid = reader_tgid(task);
	if (is_own(e))
		return 0;
	if (follow && !is_followed(task))
		return 0;
	e->tid = reader_tid(task);
	if (!pid_matches(e))
		return 0;
	bpf_probe_read_kernel_str(e->comm, sizeof(e->comm), &task->comm);
	if (!comm_matches(e))
		return 0;
	e->ppid = reader_tgid(GET(task, real_parent));
	e->uid = GET(task, cred, euid.val);
	if (!uid_matches(e))
		return 0;
	if (identify)
		read_caller(e, (void *)task);
	return 1;
}
