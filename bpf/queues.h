/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files in flight: sent over a unix socket with SCM_RIGHTS and not yet received.
 * The sockets are found in each namespace's own table (struct netns_unix, 6.0),
 * which has those too that no process holds; an iter/unix program would see the
 * reader's namespace only (bpf_iter_unix_seq_show, net/unix/af_unix.c).
 *
 * Nothing is locked. Pointers are followed with reads that cannot fault, each
 * file is believed only by its superblock's magic, and a chain that comes loose
 * is counted in totals.torn. */
#pragma once

#include "nets.h"

#define BUCKETS 512        /* UNIX_HASH_SIZE, include/net/af_unix.h: 256 unbound, 256 bound */
#define BUCKET_STEP 8
#define SCM_MAX_FD 253     /* include/net/scm.h */
#define QUEUE_MAX (1 << 16)
#define TURNS (1 << 16)    /* in one run, so that it ends within milliseconds */

struct file_rec queued_out[QUEUED];
struct queue_walk queue_at;

static __always_inline struct scm_fp_list *files_of(struct sk_buff *skb)
{
	struct unix_skb_parms *parms = (void *)skb + offset_in(struct sk_buff, cb);

	return READ(parms, fp); /* UNIXCB */
}

static __always_inline struct sk_buff *queue_of(struct sock *sk)
{
	return (void *)sk + offset_in(struct sock, sk_receive_queue);
}

/* The inode under which processes know the socket. One that waits to be accepted
 * has none: it is known by its listener's (unix_sock.listener, 6.10). */
static __always_inline u64 inode_of(struct queue_walk *w, struct sock *sk)
{
	struct socket *socket = READ(sk, sk_socket);
	struct sock *listener;

	w->sk_flags = 0;
	if (!socket) {
		w->sk_flags = FILE_EMBRYO;
		if (!has_field(struct unix_sock, listener))
			return 0;
		listener = READ((struct unix_sock *)sk, listener);
		socket = listener ? READ(listener, sk_socket) : NULL;
	}
	return READ(READ(READ(socket, file), f_inode), i_ino);
}

/* A connection that nobody accepted is of its client's namespace, which its
 * listener may not be of (unix_stream_connect, net/unix/af_unix.c). */
static __always_inline int is_embryo(struct sock *sk)
{
	struct sock *listener;

	if (!has_field(struct unix_sock, listener) || READ(sk, sk_socket))
		return 0;
	listener = READ((struct unix_sock *)sk, listener);
	return listener && READ(listener, __sk_common.skc_net.net) != READ(sk, __sk_common.skc_net.net);
}

static __always_inline void enter_socket(struct queue_walk *w, struct sock *sk, u32 skip)
{
	struct sk_buff *head = queue_of(sk), *skb = READ(head, next);

	w->sk = (u64)sk;
	w->skb = skb == head ? 0 : (u64)skb;
	w->fp = 0;
	w->left = QUEUE_MAX;
	w->seen = 0;
	w->skip = skip;
	w->embryo = is_embryo(sk);
	if (w->skb || w->embryo)
		w->inode = inode_of(w, sk);
}

/* Hands over what was met in the socket; not 0 if there is no room. */
static __always_inline int put(struct queue_walk *w, struct file_rec *got, struct net_rec *net)
{
	u32 i = w->count;

	if (w->seen++ < w->skip)
		return 0;
	got->at = w->inode;
	got->fd = -1;
	got->slot = -1;
	got->other_ns = net->inode;
	got->flags |= w->sk_flags;
	if (i >= QUEUED)
		return 1;
	queued_out[i] = *got;
	w->count = i + 1;
	total.written++;
	return 0;
}

static __always_inline int embryo_step(struct queue_walk *w, struct net_rec *net)
{
	struct sock *sk = (void *)w->sk;
	struct file_rec got = {};

	w->embryo = 0;
	got.kind = FILE_SOCKET;
	got.socktype = READ(sk, sk_type);
	got.family = AF_UNIX;
	keeps_net(&got, READ(sk, __sk_common.skc_net.net));
	return put(w, &got, net);
}

static __always_inline int file_step(struct queue_walk *w, struct net_rec *net)
{
	struct scm_fp_list *fp = (void *)w->fp;
	struct file_rec got = {};
	struct inode *inode;
	struct file *file;
	u32 i = w->fd++;

	if (i >= (u16)READ(fp, count) || i >= SCM_MAX_FD) {
		w->fp = 0;
		return 0;
	}
	file = POINTER_AT((void *)fp + offset_in(struct scm_fp_list, fp) + i * sizeof(file));
	inode = READ(file, f_inode);
	if (!held(&got, file, inode, magic_of(inode)))
		return 0;
	if (got.kind == FILE_NSFS && !wants(got.type))
		return 0;
	return put(w, &got, net);
}

static __always_inline void message_step(struct queue_walk *w)
{
	struct sk_buff *skb = (void *)w->skb, *next = READ(skb, next);

	w->fp = (u64)files_of(skb);
	w->fd = 0;
	w->skb = (u64)next;
	if (next == queue_of((struct sock *)w->sk)) {
		w->skb = 0;
		return;
	}
	if (next && --w->left)
		return;
	w->skb = 0;
	total.torn++;
}

static __always_inline void socket_step(struct queue_walk *w)
{
	struct sock *sk = (void *)w->sk;
	struct hlist_node *node = READ(sk, __sk_common.skc_node.next);

	w->sk = 0;
	if (node)
		enter_socket(w, container(node, struct sock, __sk_common.skc_node), 0);
	else
		w->bucket++;
}

/* Goes to the next bucket that is not empty, eight at a look. */
static __always_inline void bucket_step(struct queue_walk *w, struct net_rec *rec)
{
	struct net *net = (struct net *)rec->address;
	struct hlist_node *heads[BUCKET_STEP] = {};
	struct hlist_head *table;
	u32 i, at = w->bucket;

	if (at == 0 && (READ(net, ns.inum) != rec->inode || cookie_of(net) != rec->cookie))
		at = BUCKETS; /* it died, and what was in flight there with it */
	if (at >= BUCKETS) {
		w->bucket = 0;
		w->net++;
		return;
	}
	table = READ(net, unx.table.buckets);
	i = at % BUCKET_STEP;
	bpf_probe_read_kernel(heads, sizeof(heads), table + (at - i));
	for (i = 0; i < BUCKET_STEP; i++) {
		if (i < at % BUCKET_STEP || !heads[i])
			continue;
		w->bucket = at - at % BUCKET_STEP + i;
		enter_socket(w, container(heads[i], struct sock, __sk_common.skc_node), 0);
		return;
	}
	w->bucket = at - at % BUCKET_STEP + BUCKET_STEP;
}

static long queue_step(u32 turn, void *ctx)
{
	struct queue_walk *w = &queue_at;
	u32 i = w->net;

	if (i >= w->nets || i >= NETS) {
		w->state = WALK_DONE;
		return 1;
	}
	if (w->count >= QUEUED)
		return 1;
	if (w->embryo)
		return embryo_step(w, &nets_out[i]);
	if (w->fp)
		return file_step(w, &nets_out[i]);
	if (w->skb)
		message_step(w);
	else if (w->sk)
		socket_step(w);
	else
		bucket_step(w, &nets_out[i]);
	return 0;
}

/* The run before stopped in the middle of a socket, which may have gone since:
 * it is whole if its neighbour in the table still points at it. */
static __always_inline void resume(struct queue_walk *w)
{
	struct sock *sk = (void *)w->sk;
	struct hlist_node **back;
	struct hlist_node *self;

	if (!sk)
		return;
	back = READ(sk, __sk_common.skc_node.pprev);
	self = POINTER_AT(back);
	if (self == (void *)sk + offset_in(struct sock, __sk_common.skc_node)) {
		enter_socket(w, sk, w->seen);
		return;
	}
	w->sk = w->skb = w->fp = w->embryo = 0;
	w->bucket++;
	total.torn++;
}

/* Fills queued_out from the namespaces in nets_out, on from where the last run
 * stopped for want of room. */
SEC("raw_tp/queues")
int queues(void *ctx)
{
	struct queue_walk *w = &queue_at;

	w->count = 0;
	w->state = WALK_MORE;
	resume(w);
	bpf_loop(TURNS, queue_step, NULL, 0);
	return 0;
}
