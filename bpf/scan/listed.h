/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every namespace of a type, from the kernel's list of that type (kernel/nstree.c, 6.18).
 * It is sorted by ID, of which the initial namespace has the lowest, so that its prev is
 * the list's head, as in nets.h. The RCU read lock is held during a run, under which a
 * namespace is freed only afterwards (ns_rcu); one that has left the list has no
 * neighbour that points back at it (list_bidir_del_rcu), and one that was made in its memory
 * since has another ID. */
#pragma once

#include "nets.h"

struct listed_record listed_batch[NET_BATCH];
struct listed_walk listed_pos;

static __always_inline u64 listed_offset(void)
{
	if (bpf_core_field_exists(struct ns_common, ns_list_node))
		return bpf_core_field_offset(struct ns_common, ns_list_node);
	return bpf_core_field_offset(struct ns_common___v619, ns_tree_node.ns_list_entry);
}

/* Returns the initial namespace of a type: that of the idle task, which is in all of them. */
static __always_inline u64 initial_ns(u32 type)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pid_namespace *pid = READ(upid_at(READ(task, thread_pid), 0), ns);
	struct nsproxy *proxy;

	task = READ(pid, child_reaper, real_parent);
	proxy = READ(task, nsproxy);
	switch (type) {
	case CLONE_NEWNET:
		return (u64)&READ(proxy, net_ns)->ns;
	case CLONE_NEWNS:
		return (u64)&READ(proxy, mnt_ns)->ns;
	case CLONE_NEWUSER:
		return (u64)&READ(task, real_cred, user_ns)->ns;
	case CLONE_NEWPID:
		return (u64)&pid->ns;
	case CLONE_NEWIPC:
		return (u64)&READ(proxy, ipc_ns)->ns;
	case CLONE_NEWUTS:
		return (u64)&READ(proxy, uts_ns)->ns;
	case CLONE_NEWCGROUP:
		return (u64)&READ(proxy, cgroup_ns)->ns;
	case CLONE_NEWTIME:
		return (u64)&READ(proxy, time_ns)->ns;
	}
	return 0;
}

/* Fills listed_batch with the namespaces after listed_pos.last. */
SEC("raw_tp/listed")
int listed(void *ctx)
{
	u64 offset = listed_offset(), first = initial_ns(listed_pos.type), last = listed_pos.last;
	struct list_head *head = READ((struct list_head *)(first + offset), prev), *entry = head;
	u32 i;

	listed_pos.count = 0;
	listed_pos.state = WALK_ABORTED;
	if (!first || !head)
		return 0;
	if (last) {
		entry = (void *)(last + offset);
		if (READ(entry, prev, next) != entry || READ((struct ns_common *)last, ns_id) != listed_batch[NET_BATCH - 1].id)
			return 0;
	}
	for (i = 0; i < NET_BATCH; i++) {
		struct ns_common *ns;

		entry = READ(entry, next);
		if (entry == head) {
			listed_pos.state = WALK_DONE;
			return 0;
		}
		ns = (void *)((u64)entry - offset);
		if (READ(ns, ns_type) != listed_pos.type)
			return 0;
		listed_batch[i].id = READ(ns, ns_id);
		listed_batch[i].inode = READ(ns, inum);
		listed_batch[i].refs = READ(ns, __ns_ref.refs.counter);
		listed_pos.last = (u64)ns;
		listed_pos.count = i + 1;
	}
	listed_pos.state = WALK_CONTINUE;
	return 0;
}
