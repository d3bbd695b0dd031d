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
u64 net_head, net_entry; /* of the list, and the entry of the namespace at net_pos.last */

static __always_inline s32 net_refs(struct net *net)
{
	struct ns_common___v617 *old = (void *)&net->ns;

	if (bpf_core_field_exists(struct ns_common, __ns_ref))
		return GET(net, ns.__ns_ref.refs.counter);
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
		return GET(net, ns.stashed);
	return (void *)READ(old, stashed.counter);
}

static __always_inline int has_rings(struct net *net)
{
	if (bpf_core_field_exists(struct net, packet) && GET(net, packet.sklist.first))
		return 1;
	return bpf_core_field_exists(struct net, xdp) && GET(net, xdp.list.first);
}

/* Fills net_batch[i] with the namespace at net_pos.last. A global function, as read_found. */
__noinline int fill_net(u32 i)
{
	struct net *net = TYPED((struct net *)net_pos.last);
	struct user_namespace *owner = GET(net, user_ns);
	struct dentry *dentry = nsfs_dentry(net);
	struct net_record *r = &net_batch[i];

	if (i >= NET_BATCH)
		return 0;
	r->address = (u64)net;
	r->cookie = net_cookie(net);
	r->inode = GET(net, ns.inum);
	r->refs = net_refs(net);
	r->opened = r->watched = 0;
	if (dentry) {
		dentry = TYPED(dentry);
		r->opened = GET(dentry, d_lockref.count);
		r->watched = GET(dentry, d_inode, i_count.counter) - 1; /* one of the dentry */
	}
	r->userns = GET(owner, ns.inum);
	r->uid = GET(owner, owner.val);
	r->rings = has_rings(net);
	if (WITH_RELATIONS) /* not with number(), which needs what a locked down kernel refuses */
		relate(r->address + bpf_core_field_offset(struct net, ns), CLONE_NEWNET);
	return 0;
}

/* Goes on to the namespace after net_pos.last, which is at net_entry, and fills net_batch[i]
 * with it. A global function, so that the verifier does not follow it in every turn. */
__noinline int next_net(u32 i)
{
	struct list_head *entry = READ((struct list_head *)net_entry, next);
	struct net *net = container_of(entry, struct net, list);

	if ((u64)entry == net_head)
		return WALK_DONE;
	if (READ(net, ns.ops) != net_ops)
		return WALK_ABORTED;
	net_entry = (u64)entry;
	net_pos.last = (u64)net;
	fill_net(i);
	net_pos.count = i + 1;
	return WALK_CONTINUE;
}

/* Returns whether net_pos.last is still the namespace that net_batch ends with. One that has
 * left the list has no neighbour that points back at it; and where another one was made in
 * its memory between two runs, that is further along the list: what is between them would be
 * left out. */
static __always_inline int same_net(struct net *net)
{
	struct net_record *r = &net_batch[NET_BATCH - 1];
	struct list_head *entry = &net->list;

	return READ(entry, prev, next) == entry && net_cookie(TYPED(net)) == r->cookie && READ(net, ns.inum) == r->inode;
}

#ifdef DIRECT /* for kernels with bpf_loop, of which the verifier follows a single turn */

static long net_step(u32 i, void *ctx)
{
	net_pos.state = next_net(i);
	return net_pos.state != WALK_CONTINUE;
}

static __always_inline void fill_batch(void)
{
	bpf_loop(NET_BATCH, net_step, NULL, 0);
}

#else

static __always_inline void fill_batch(void)
{
	u32 i;

	for (i = 0; i < NET_BATCH; i++) {
		net_pos.state = next_net(i);
		if (net_pos.state != WALK_CONTINUE)
			break;
	}
}

#endif

/* Fills net_batch with the namespaces after net_pos.last. The list's head is in
 * no struct net, but the initial namespace is always first (net_ns_init,
 * net/core/net_namespace.c), so that its prev is the head. */
SEC("raw_tp/nets")
int nets(void *ctx)
{
	struct net *net = (struct net *)net_pos.last;
	struct list_head *entry = &net->list;

	record_initial();
	net_head = (u64)READ((struct net *)first_net, list.prev);
	net_entry = net ? (u64)entry : net_head;
	net_pos.count = 0;
	net_pos.state = WALK_ABORTED;
	if (!first_net || !net_head)
		return 0;
	if (net && !same_net(net))
		return 0;
	fill_batch();
	return 0;
}
