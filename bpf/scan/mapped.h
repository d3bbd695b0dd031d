/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet and XDP sockets that some process has mapped, found from the socket:
 * each namespace lists them, and the socket's file lists its mappings, so that not
 * every mapping of every process has to be visited, as in mappings.h. No lock
 * is taken and no pointer trusted, as in inflight.h. */
#pragma once

#include "nets.h"
#include "inflight.h"

#define SOCKET_LISTS 2 /* net.packet.sklist, net.xdp.list */
#define MAX_DEPTH 32

struct mapping_walk mapping_pos;

/* Moves mapping_pos.node on as rb_next (lib/rbtree.c) does. A global function, as read_found. */
__noinline int next_node(void)
{
	struct mapping_walk *w = &mapping_pos;
	struct rb_node *node = (struct rb_node *)w->node;
	struct rb_node *right = READ(node, rb_right), *left, *up;
	int i;

	w->node = 0;
	for (i = 0; right && i < MAX_DEPTH; i++) {
		left = READ(right, rb_left);
		if (!left) {
			w->node = (u64)right;
			return 0;
		}
		right = left;
	}
	if (right) /* too deep */
		return 0;
	for (i = 0; i < MAX_DEPTH; i++) {
		up = (struct rb_node *)(READ(node, __rb_parent_color) & ~3UL);
		if (!up || node != READ(up, rb_right)) {
			w->node = (u64)up;
			return 0;
		}
		node = up;
	}
	return 0;
}

static __always_inline struct file *socket_file(struct sock *sk)
{
	return READ(sk, sk_socket, file);
}

static __always_inline void mapping_step(struct mapping_walk *w)
{
	struct rb_node *node = (void *)w->node;
	struct vm_area_struct *vma = TYPED(container_of(node, struct vm_area_struct, shared.rb));
	struct task_struct *owner = GET(vma, vm_mm, owner);
	struct file *file = socket_file((struct sock *)w->sk);
	struct file_record *r = &found;
	u32 i = w->count;

	next_node();
	if (GET(vma, vm_file) != file || !owner) { /* unmapped, or its process exits */
		pass_totals.changed++;
		w->node = 0;
		return;
	}
	__builtin_memset(r, 0, sizeof(*r));
	if (!read_file(file))
		return;
	r->pid = reader_tgid(owner);
	r->tid = r->pid;
	r->born = born(owner);
	r->fd = -1;
	r->location = GET(vma, vm_start);
	r->slot = -1;
	r->flags |= FILE_MAPPED;
	r->task_ns = GET(owner, nsproxy, net_ns, ns.inum);
	if (!should_report())
		return;
	if (i >= FILE_BATCH) {
		pass_totals.lost++;
		return;
	}
	file_batch[i] = *r;
	w->count = i + 1;
	pass_totals.written++;
}

static __always_inline void start_mappings(struct mapping_walk *w, struct hlist_node *node)
{
	struct address_space *mapping;
	struct sock *sk = NULL;

	w->sk = 0;
	if (!node)
		return;
	sk = container_of(node, struct sock, __sk_common.skc_node);
	mapping = READ(socket_file(sk), f_mapping);
	w->sk = (u64)sk;
	w->node = mapping ? (u64)READ(mapping, i_mmap.rb_leftmost) : 0;
}

static __always_inline void list_step(struct mapping_walk *w, struct net *net)
{
	u32 list = w->list++;

	if (list == 0 && bpf_core_field_exists(struct net, packet))
		start_mappings(w, READ(net, packet.sklist.first));
	else if (list == 1 && bpf_core_field_exists(struct net, xdp))
		start_mappings(w, READ(net, xdp.list.first));
	if (list < SOCKET_LISTS)
		return;
	w->list = 0;
	w->net++;
}

static long mapped_step(u32 step, void *ctx)
{
	struct mapping_walk *w = &mapping_pos;
	u32 i = w->net;

	if (i >= w->nets || i >= NET_BATCH) {
		w->state = WALK_DONE;
		return 1;
	}
	if (w->node)
		mapping_step(w);
	else if (w->sk)
		start_mappings(w, READ((struct sock *)w->sk, __sk_common.skc_node.next));
	else
		list_step(w, (struct net *)net_batch[i].address);
	return 0;
}

/* Fills file_batch from the namespaces in net_batch, in a single run. */
SEC("raw_tp/mapped")
int mapped(void *ctx)
{
	struct mapping_walk *w = &mapping_pos;

	record_reader();
	w->count = 0;
	w->state = WALK_ABORTED;
	if (!bpf_core_field_exists(struct mm_struct, owner))
		return 0;
	bpf_loop(MAX_STEPS, mapped_step, NULL, 0);
	return 0;
}
