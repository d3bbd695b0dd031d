/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every live network namespace, from the kernel's own list. The program, like those
 * of inflight.h, mapped.h and mounts.h, is a raw tracepoint program that is attached
 * to none: user space runs it (BPF_PROG_TEST_RUN, 5.10). The kernel holds the RCU
 * read lock meanwhile (__bpf_prog_test_run_raw_tp, net/bpf/test_run.c), so that
 * nothing on the list is freed during a run. */
#pragma once

#include "file.h"

struct net_record net_batch[NET_BATCH];
struct net_walk net_pos;

static __always_inline s32 net_refs(struct net *net)
{
	struct ns_common___v617 *old = (void *)&net->ns;

	if (bpf_core_field_exists(struct ns_common, __ns_ref))
		return READ(net, ns.__ns_ref.refs.counter);
	if (bpf_core_field_exists(struct ns_common___v617, count))
		return READ(old, count.refs.counter);
	return READ((struct net___v510 *)net, count.refs.counter);
}

/* Returns the dentry of the namespace's file on nsfs, NULL if it has none: as long as
 * there is one, its inode has one reference to the namespace (nsfs_evict, fs/nsfs.c). */
static __always_inline struct dentry *nsfs_dentry(struct net *net)
{
	struct ns_common___v68 *old = (void *)&net->ns;

	if (bpf_core_field_exists(struct ns_common, stashed))
		return READ(net, ns.stashed);
	return (void *)READ(old, stashed.counter);
}

static __always_inline int has_rings(struct net *net)
{
	if (bpf_core_field_exists(struct net, packet) && READ(net, packet.sklist.first))
		return 1;
	return bpf_core_field_exists(struct net, xdp) && READ(net, xdp.list.first);
}

/* Fills net_batch[i] with the namespace at net_pos.last. A global function, as read_found. */
__noinline int fill_net(u32 i)
{
	struct net *net = (struct net *)net_pos.last;
	struct user_namespace *owner = READ(net, user_ns);
	struct dentry *dentry = nsfs_dentry(net);
	struct net_record *r = &net_batch[i];

	if (i >= NET_BATCH)
		return 0;
	r->address = (u64)net;
	r->cookie = net_cookie(net);
	r->inode = READ(net, ns.inum);
	r->refs = net_refs(net);
	r->opened = r->watched = 0;
	if (dentry) {
		r->opened = READ(dentry, d_lockref.count);
		r->watched = READ(READ(dentry, d_inode), i_count.counter) - 1; /* one of the dentry */
	}
	r->userns = READ(owner, ns.inum);
	r->uid = READ(owner, owner.val);
	r->rings = has_rings(net);
	if (opts.relations) /* not with number(), which needs what a locked down kernel refuses */
		relate(r->address + bpf_core_field_offset(struct net, ns), CLONE_NEWNET);
	return 0;
}

/* Fills net_batch with the namespaces after net_pos.last. The list's head is in
 * no struct net, but the initial namespace is always first (net_ns_init,
 * net/core/net_namespace.c), so that its prev is the head. A namespace that has left
 * the list has no neighbour that points back at it. */
SEC("raw_tp/nets")
int nets(void *ctx)
{
	struct net *first = record_initial(), *net = (struct net *)net_pos.last;
	struct list_head *head = READ(first, list.prev), *entry = head;
	u32 i;

	net_pos.count = 0;
	net_pos.state = WALK_ABORTED;
	if (!first || !head)
		return 0;
	if (net) {
		entry = &net->list;
		if (READ(READ(entry, prev), next) != entry)
			return 0;
	}
	for (i = 0; i < NET_BATCH; i++) {
		entry = READ(entry, next);
		if (entry == head) {
			net_pos.state = WALK_DONE;
			break;
		}
		net = container_of(entry, struct net, list);
		if (READ(net, ns.ops) != net_ops)
			return 0;
		net_pos.last = (u64)net;
		fill_net(i);
		net_pos.count = i + 1;
	}
	if (i == NET_BATCH)
		net_pos.state = WALK_CONTINUE;
	return 0;
}
