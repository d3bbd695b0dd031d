/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every network namespace that lives, from the kernel's own list, and the files
 * in flight in the unix sockets of each. Both programs are raw tracepoints that
 * attach to none: user space runs them by hand (BPF_PROG_TEST_RUN, 5.10), and
 * the kernel holds the RCU read lock meanwhile (__bpf_prog_test_run_raw_tp,
 * net/bpf/test_run.c), so nothing on the list is freed under one run. */
#pragma once

#include "held.h"

struct net_rec nets_out[NETS];
struct net_walk net_at;

/* Level 0 of every task's pid is the initial pid namespace; the parent of its
 * reaper is the idle task, which never leaves the initial network namespace. */
static __always_inline struct net *init_net(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pid *pid = READ(task, thread_pid);
	struct upid *first = (void *)pid + offset_in(struct pid, numbers);

	task = READ(READ(READ(first, ns), child_reaper), real_parent);
	return READ(READ(task, nsproxy), net_ns);
}

static __always_inline s32 refs_of(struct net *net)
{
	struct ns_common___v617 *old = (void *)&net->ns;

	if (has_field(struct ns_common, __ns_ref))
		return READ(net, ns.__ns_ref.refs.counter);
	if (has_field(struct ns_common___v617, count))
		return READ(old, count.refs.counter);
	return READ((struct net___v510 *)net, count.refs.counter);
}

static __always_inline void fill_net(struct net_rec *r, struct net *net)
{
	struct user_namespace *owner = READ(net, user_ns);

	r->address = (u64)net;
	r->cookie = cookie_of(net);
	r->inode = READ(net, ns.inum);
	r->refs = refs_of(net);
	r->userns = READ(owner, ns.inum);
	r->uid = READ(owner, owner.val);
}

/* Fills nets_out with the namespaces after net_at.last. The list's head is in
 * no struct net, but the initial namespace is always first on it (net_ns_init
 * in net/core/net_namespace.c), so that its prev is the head. One that has left
 * the list meanwhile has no neighbour that points back at it. */
SEC("raw_tp/nets")
int nets(void *ctx)
{
	struct net *first = init_net(), *net = (struct net *)net_at.last;
	struct list_head *head = READ(first, list.prev), *at = head;
	const void *ops = READ(first, ns.ops);
	u32 i;

	net_at.count = 0;
	net_at.state = WALK_BROKEN;
	if (!first || !head)
		return 0;
	if (net) {
		at = &net->list;
		if (READ(READ(at, prev), next) != at)
			return 0;
	}
	for (i = 0; i < NETS; i++) {
		at = READ(at, next);
		if (at == head) {
			net_at.state = WALK_DONE;
			break;
		}
		net = container(at, struct net, list);
		if (READ(net, ns.ops) != ops)
			return 0;
		fill_net(&nets_out[i], net);
		net_at.count = i + 1;
		net_at.last = (u64)net;
	}
	if (i == NETS)
		net_at.state = WALK_MORE;
	return 0;
}
