/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs have to know of the task that runs them, and of the machine, before
 * they read anything. */
#pragma once

#include "../common/ns.h"
#include "kernel.h"

u32 reader_level; /* of the reader's PID namespace, which is reader_pidns */
u32 reader_pidns;
s64 reader_boottime; /* what its time namespace adds to the time since boot */
u32 initial_net;     /* inode of the initial network namespace */
const void *net_ops; /* by which a struct net is recognised */

#include "../common/pid.h"

#define NSEC_PER_SEC 1000000000LL

/* Level 0 of every task's struct pid is the initial PID namespace; the parent of its
 * reaper is the idle task, which never leaves the initial network namespace. */
static __always_inline struct net *init_net(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	task = READ(upid_at(READ(task, thread_pid), 0), ns, child_reaper, real_parent);
	return GET(task, nsproxy, net_ns);
}

const void *first_net; /* the initial network namespace */

/* Sets initial_net, net_ops and first_net. A global function, as all here without arguments:
 * the verifier then follows what comes after once, however many ways lead through it. */
__noinline int record_initial(void)
{
	struct net *first = init_net();

	first_net = first;
	initial_net = GET(first, ns.inum);
	net_ops = GET(first, ns.ops);
	return 0;
}

/* Sets reader_level, reader_pidns and reader_boottime from the task that runs the
 * program. */
__noinline int record_reader(void)
{
	struct task_struct *reader = TYPED((struct task_struct *)bpf_get_current_task());
	struct time_namespace *time = GET(reader, nsproxy, time_ns);
	struct pid *pid = GET(reader, thread_pid);

	if (!opts.unshifted && bpf_core_field_exists(struct time_namespace, offsets))
		reader_boottime = GET(time, offsets.boottime.tv_sec) * NSEC_PER_SEC +
				  GET(time, offsets.boottime.tv_nsec);
	reader_level = GET(pid, level);
	reader_pidns = active_pid_ns(pid);
	record_initial();
	return 0;
}

/* Iterators show the tasks of the reader's PID namespace (task_seq_get_next,
 * kernel/bpf/task_iter.c), and a task has a number in every level above its own. */
static __always_inline void start_iterator(struct bpf_iter_meta *meta)
{
	if (meta->seq_num == 0)
		record_reader();
}

/* Returns when the task's process started: as do_task_stat (fs/proc/array.c, 5.11), which
 * shows user space the same in clock ticks, reads it and shifts it. The first thread
 * keeps it when another one takes its place (de_thread, fs/exec.c). The task is TYPED. */
static __always_inline u64 born(struct task_struct *task)
{
	return GET(task, group_leader, start_boottime) + reader_boottime;
}
