/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Process and thread IDs as the reader's PID namespace numbers them. A program
 * that includes this has declared reader_level, how deep that namespace is nested,
 * and reader_pidns, its inode, which is not used at level 0. All pointers are TYPED, or were
 * read from such a one. */
#pragma once

#include "kernel.h"

/* struct pid has one struct upid a level (pid_nr_ns, kernel/pid.c). */
static __always_inline struct upid *upid_at(struct pid *pid, u32 level)
{
	return (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
}

/* The namespace that a process is in (task_active_pid_ns, kernel/pid.c). */
static __always_inline u32 active_pid_ns(struct pid *pid)
{
	if (!pid) /* reaped */
		return 0;
	return READ(upid_at(pid, GET(pid, level)), ns, ns.inum);
}

/* Returns the number in the reader's PID namespace, 0 if it has none there: a
 * namespace at the same level may be a sibling, where the same number is of another
 * process (pid_nr_ns, kernel/pid.c). */
static __always_inline u32 reader_nr(struct pid *pid)
{
	struct upid *upid;

	if (!pid || GET(pid, level) < reader_level)
		return 0;
	upid = TYPED(upid_at(pid, reader_level));
	if (reader_level && GET(upid, ns, ns.inum) != reader_pidns)
		return 0;
	return GET(upid, nr);
}

static __always_inline u32 reader_tgid(struct task_struct *task)
{
	if (!reader_level)
		return GET(task, tgid);
	return reader_nr(GET(task, group_leader, thread_pid));
}

static __always_inline u32 reader_tid(struct task_struct *task)
{
	if (!reader_level)
		return GET(task, pid);
	return reader_nr(GET(task, thread_pid));
}
