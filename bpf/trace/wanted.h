/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who makes a call, and whether the filters of callers let it through. */
#pragma once

#include "../common/pid.h"
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

/* The name ends with a 0, and may have anything behind it. */
static __always_inline void read_comm(u8 *comm, struct task_struct *task)
{
#ifdef DIRECT
	u64 *from = (void *)&task->comm, *to = (u64 *)comm;

	to[0] = from[0];
	to[1] = from[1];
#else
	bpf_probe_read_kernel_str(comm, sizeof(task->comm), &task->comm);
#endif
}

/* Fills in the caller; 0 if a filter excludes it. */
FUNCTION(fill_caller)
{
	struct event *e = &s->event;

	e->pid = reader_tgid(task);
	if (is_own(e))
		return 0;
	if (follow && !is_followed(task))
		return 0;
	e->tid = reader_tid(task);
	if (!pid_matches(e))
		return 0;
	read_comm(e->comm, task);
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
