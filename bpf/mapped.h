/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet and XDP sockets that some process has mapped, found from the socket:
 * each namespace lists them, and the socket's file lists its mappings. So there
 * is no need to look at every mapping of every process, as iter/task_vma does.
 * Unlocked and unbelieving, as in queues.h. */
#pragma once

#include "nets.h"
#include "queues.h"

#define LISTS 2 /* net.packet.sklist, net.xdp.list */
#define DEPTH 32

struct map_walk map_at;

/* rb_next, lib/rbtree.c */
static __always_inline struct rb_node *next_mapping(struct rb_node *node)
{
	struct rb_node *right = READ(node, rb_right), *left, *up;
	int i;

	if (right) {
		for (i = 0; i < DEPTH; i++) {
			left = READ(right, rb_left);
			if (!left)
				return right;
			right = left;
		}
		return NULL;
	}
	for (i = 0; i < DEPTH; i++) {
		up = (struct rb_node *)(READ(node, __rb_parent_color) & ~3UL);
		if (!up || node != READ(up, rb_right))
			return up;
		node = up;
	}
	return NULL;
}

static __always_inline struct file *file_of(struct sock *sk)
{
	return READ(READ(sk, sk_socket), file);
}

static __always_inline void mapping_step(struct map_walk *w)
{
	struct rb_node *node = (void *)w->node;
	struct vm_area_struct *vma = container(node, struct vm_area_struct, shared.rb);
	struct task_struct *owner = READ(READ(vma, vm_mm), owner);
	struct file *file = file_of((struct sock *)w->sk);
	struct inode *inode = READ(file, f_inode);
	struct file_rec r = {};
	u32 i = w->count;

	w->node = (u64)next_mapping(node);
	if (READ(vma, vm_file) != file || !owner) { /* gone, or its process ends */
		total.torn++;
		w->node = 0;
		return;
	}
	if (!held(&r, file, inode, magic_of(inode)))
		return;
	r.pid = process(owner);
	r.tid = r.pid;
	r.fd = -1;
	r.at = READ(vma, vm_start);
	r.slot = -1;
	r.task_ns = READ(READ(READ(owner, nsproxy), net_ns), ns.inum);
	if (!tells(&r))
		return;
	if (i >= QUEUED) {
		total.lost++;
		return;
	}
	queued_out[i] = r;
	w->count = i + 1;
	total.written++;
}

static __always_inline void enter_mapped(struct map_walk *w, struct hlist_node *node)
{
	struct address_space *mapping;
	struct sock *sk = NULL;

	w->sk = 0;
	if (!node)
		return;
	sk = container(node, struct sock, __sk_common.skc_node);
	mapping = READ(file_of(sk), f_mapping);
	w->sk = (u64)sk;
	w->node = mapping ? (u64)READ(mapping, i_mmap.rb_leftmost) : 0;
}

static __always_inline void list_step(struct map_walk *w, struct net *net)
{
	u32 list = w->list++;

	if (list == 0 && has_field(struct net, packet))
		enter_mapped(w, READ(net, packet.sklist.first));
	else if (list == 1 && has_field(struct net, xdp))
		enter_mapped(w, READ(net, xdp.list.first));
	if (list < LISTS)
		return;
	w->list = 0;
	w->net++;
}

static long map_step(u32 turn, void *ctx)
{
	struct map_walk *w = &map_at;
	u32 i = w->net;

	if (i >= w->nets || i >= NETS) {
		w->state = WALK_DONE;
		return 1;
	}
	if (w->node)
		mapping_step(w);
	else if (w->sk)
		enter_mapped(w, READ((struct sock *)w->sk, __sk_common.skc_node.next));
	else
		list_step(w, (struct net *)nets_out[i].address);
	return 0;
}

/* Fills queued_out from the namespaces in nets_out, all in one run. */
SEC("raw_tp/mapped")
int mapped(void *ctx)
{
	struct map_walk *w = &map_at;
	struct task_struct *reader = (void *)bpf_get_current_task();

	reader_level = READ(READ(reader, thread_pid), level);
	w->count = 0;
	w->state = WALK_BROKEN;
	if (!has_field(struct mm_struct, owner))
		return 0;
	bpf_loop(TURNS, map_step, NULL, 0);
	return 0;
}
