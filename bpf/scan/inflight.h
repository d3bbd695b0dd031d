/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files in flight: sent over a unix socket with SCM_RIGHTS and not yet received; and sockets
 * that were closed after they sent a message that is not yet received.
 * The sockets are found in each namespace's own table (struct netns_unix, 6.0),
 * which includes those that no process holds; an iter/unix program would see only
 * the reader's namespace (bpf_iter_unix_seq_show, net/unix/af_unix.c).
 *
 * No lock is taken and no pointer trusted: every read may fail, a file is read as
 * what the magic of its superblock makes it, and a list that changes while it is
 * followed is counted in pass_totals.changed. */
#pragma once

#include "nets.h"

#define BUCKETS 512        /* UNIX_HASH_SIZE, include/net/af_unix.h: 256 unbound, 256 bound */
#define BUCKET_STEP 8
#define SCM_MAX_FD 253     /* include/net/scm.h */
#define QUEUE_MAX (1 << 16)
#define MAX_STEPS (1 << 16)    /* of one run, which so takes milliseconds */

struct file_record file_batch[FILE_BATCH];
struct queue_walk queue_pos;

static __always_inline struct scm_fp_list *skb_files(struct sk_buff *skb)
{
	struct unix_skb_parms *parms = (void *)skb + bpf_core_field_offset(struct sk_buff, cb);

	return READ(parms, fp); /* UNIXCB */
}

static __always_inline struct sk_buff *receive_queue(struct sock *sk)
{
	return (void *)sk + bpf_core_field_offset(struct sock, sk_receive_queue);
}

/* Returns the inode of the socket, for an unaccepted connection that of its listener
 * (unix_sock.listener, 6.10), and 0 if that is unknown. */
static __always_inline u64 queue_inode(struct queue_walk *w, struct sock *sk)
{
	struct socket *socket = GET(sk, sk_socket);
	struct sock *listener;

	w->sk_flags = 0;
	if (!socket) {
		w->sk_flags = FILE_EMBRYO;
		if (!bpf_core_field_exists(struct unix_sock, listener))
			return 0;
		listener = READ((struct unix_sock *)sk, listener);
		socket = listener ? GET(listener, sk_socket) : NULL;
	}
	return READ(socket, file, f_inode, i_ino);
}

/* Reports whether the socket is an unaccepted connection that holds another namespace
 * than its listener: it is in its client's (unix_stream_connect, net/unix/af_unix.c).
 * options.account has the others too. */
static __always_inline int is_embryo(struct sock *sk)
{
	struct sock *listener;

	if (!bpf_core_field_exists(struct unix_sock, listener) || GET(sk, sk_socket))
		return 0;
	listener = READ((struct unix_sock *)sk, listener);
	return listener && (opts.account || GET(listener, __sk_common.skc_net.net) != GET(sk, __sk_common.skc_net.net));
}

static __always_inline void start_queue(struct queue_walk *w, struct sock *sk, u32 skip)
{
	struct sk_buff *head = receive_queue(sk), *skb = READ(head, next);

	sk = TYPED(sk);

	w->sk = (u64)sk;
	w->skb = skb == head ? 0 : (u64)skb;
	w->fp = w->sender = w->last = 0;
	w->remaining = QUEUE_MAX;
	w->visited = 0;
	w->skip = skip;
	w->embryo = is_embryo(sk);
	if (w->skb || w->embryo)
		w->inode = queue_inode(w, sk);
}

/* Emits a record of what the socket holds; returns 1 if there is no room. */
static __always_inline int emit(struct queue_walk *w, struct file_record *r, struct net_record *net)
{
	u32 i = w->count;

	if (w->visited++ < w->skip)
		return 0;
	r->location = w->inode;
	r->fd = -1;
	r->slot = -1;
	r->other_ns = net->inode;
	r->flags |= w->sk_flags;
	if (i >= FILE_BATCH)
		return 1;
	file_batch[i] = *r;
	w->count = i + 1;
	pass_totals.written++;
	return 0;
}

static __always_inline int embryo_step(struct queue_walk *w, struct net_record *net)
{
	struct sock *sk = TYPED((struct sock *)w->sk), *listener = NULL;
	struct file_record r = {};

	w->embryo = 0;
	if (bpf_core_field_exists(struct unix_sock, listener))
		listener = READ((struct unix_sock *)sk, listener);
	r.kind = FILE_SOCKET;
	r.object = (u64)sk;
	r.beside = unix_peer(sk);
	r.socktype = GET(sk, sk_type);
	r.family = AF_UNIX;
	if (READ(listener, __sk_common.skc_net.net) == GET(sk, __sk_common.skc_net.net))
		r.flags |= FILE_OWN_NS;
	set_net(&r, GET(sk, __sk_common.skc_net.net));
	return emit(w, &r, net);
}

static __always_inline int file_step(struct queue_walk *w, struct net_record *net)
{
	struct scm_fp_list *fp = (void *)w->fp;
	struct file *file;
	u32 i = w->fd++;

	if (i >= (u16)READ(fp, count) || i >= SCM_MAX_FD) {
		w->fp = 0;
		return 0;
	}
	file = READ_POINTER((void *)fp + bpf_core_field_offset(struct scm_fp_list, fp) + i * sizeof(file));
	__builtin_memset(&found, 0, sizeof(found));
	if (!read_file(file))
		return 0;
	if (found.kind == FILE_NSFS && !type_wanted(found.type))
		return 0;
	return emit(w, &found, net);
}

/* A message refers to the socket that sent it until it is received (skb_set_owner_w,
 * net/core/sock.c): one that was closed meanwhile is kept by that. In the queue of a listening
 * socket are no messages, but connections (unix_stream_connect, net/unix/af_unix.c). */
static __always_inline u64 closed_sender(struct queue_walk *w, struct sk_buff *skb)
{
	struct sock *sk = READ(skb, sk);
	u64 last = w->last;

	w->last = (u64)sk;
	if (!sk || (u64)sk == last || READ((struct sock *)w->sk, __sk_common.skc_state) == TCP_LISTEN)
		return 0;
	if (READ(sk, sk_socket) || !READ_BIT(sk, __sk_common.skc_net_refcnt))
		return 0;
	return (u64)sk;
}

static __always_inline int sender_step(struct queue_walk *w, struct net_record *net)
{
	struct sock *sk = TYPED((struct sock *)w->sender);
	struct file_record r = {.kind = FILE_SOCKET, .family = AF_UNIX, .flags = FILE_SENDER};

	w->sender = 0;
	r.object = (u64)sk;
	r.socktype = GET(sk, sk_type);
	set_net(&r, GET(sk, __sk_common.skc_net.net));
	if (r.ns == net->inode)
		r.flags |= FILE_OWN_NS; /* it goes with the socket that has its message */
	if (r.ns == initial_net || (r.flags & FILE_OWN_NS && !opts.account))
		return 0;
	return emit(w, &r, net);
}

static __always_inline void message_step(struct queue_walk *w)
{
	struct sk_buff *skb = (void *)w->skb, *next = READ(skb, next);

	w->sender = closed_sender(w, skb);
	w->fp = (u64)skb_files(skb);
	w->fd = 0;
	w->skb = (u64)next;
	if (next == receive_queue((struct sock *)w->sk)) {
		w->skb = 0;
		return;
	}
	if (next && --w->remaining)
		return;
	w->skb = 0;
	pass_totals.changed++;
}

static __always_inline void socket_step(struct queue_walk *w)
{
	struct sock *sk = (void *)w->sk;
	struct hlist_node *node = READ(sk, __sk_common.skc_node.next);

	w->sk = 0;
	if (node)
		start_queue(w, container_of(node, struct sock, __sk_common.skc_node), 0);
	else
		w->bucket++;
}

/* Reports whether eight buckets, from a multiple of eight on, are empty. It has no branch
 * for each, which the verifier would follow. */
static __always_inline int are_empty(struct hlist_head *buckets)
{
	u64 heads[BUCKET_STEP];

	bpf_probe_read_kernel(heads, sizeof(heads), buckets); /* zeros, if it fails */
	return !(heads[0] | heads[1] | heads[2] | heads[3] | heads[4] | heads[5] | heads[6] | heads[7]);
}

/* Moves to the next bucket that is not empty. */
static __always_inline void bucket_step(struct queue_walk *w, struct net_record *rec)
{
	struct net *net = TYPED((struct net *)rec->address);
	u32 bucket = w->bucket;
	struct hlist_head *at;
	struct hlist_node *node;

	if (bucket == 0 && (GET(net, ns.inum) != rec->inode || net_cookie(net) != rec->cookie))
		bucket = BUCKETS; /* the namespace was freed, and so are its sockets */
	if (bucket >= BUCKETS) {
		w->bucket = 0;
		w->net++;
		return;
	}
	at = GET(net, unx.table.buckets) + bucket;
	if (bucket % BUCKET_STEP == 0 && are_empty(at)) {
		w->bucket = bucket + BUCKET_STEP;
		return;
	}
	node = READ(at, first);
	if (node)
		start_queue(w, container_of(node, struct sock, __sk_common.skc_node), 0);
	else
		w->bucket = bucket + 1;
}

static long queue_step(u32 step, void *ctx)
{
	struct queue_walk *w = &queue_pos;
	u32 i = w->net;

	if (i >= w->nets || i >= NET_BATCH) {
		w->state = WALK_DONE;
		return 1;
	}
	if (w->count >= FILE_BATCH)
		return 1;
	if (w->embryo)
		return embryo_step(w, &net_batch[i]);
	if (w->fp)
		return file_step(w, &net_batch[i]);
	if (w->sender)
		return sender_step(w, &net_batch[i]);
	if (w->skb)
		message_step(w);
	else if (w->sk)
		socket_step(w);
	else
		bucket_step(w, &net_batch[i]);
	return 0;
}

/* The previous run stopped in the middle of a socket, which may have been freed since:
 * it is still valid if its neighbour in the table points at it. */
static __always_inline void resume(struct queue_walk *w)
{
	struct sock *sk = (void *)w->sk;
	struct hlist_node **back;
	struct hlist_node *self;

	if (!sk)
		return;
	back = READ(sk, __sk_common.skc_node.pprev);
	self = READ_POINTER(back);
	if (self == (void *)sk + bpf_core_field_offset(struct sock, __sk_common.skc_node)) {
		start_queue(w, sk, w->visited);
		return;
	}
	w->sk = w->skb = w->fp = w->sender = w->embryo = 0;
	w->bucket++;
	pass_totals.changed++;
}

/* Fills file_batch from the namespaces in net_batch, from where the previous run
 * stopped because it was full. */
SEC("raw_tp/in_flight")
int in_flight(void *ctx)
{
	struct queue_walk *w = &queue_pos;

	w->count = 0;
	w->state = WALK_CONTINUE;
	resume(w);
	bpf_loop(MAX_STEPS, queue_step, NULL, 0);
	return 0;
}
