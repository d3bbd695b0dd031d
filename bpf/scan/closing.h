/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP sockets that no process has any more and that are still closing (tcp_close,
 * net/ipv4/tcp.c). One refers to its namespace until it is destroyed or goes to TIME_WAIT,
 * in which it does not (inet_twsk_alloc, net/ipv4/inet_timewait_sock.c). They are in the
 * table of connections, which all namespaces share unless one has its own
 * (net.ipv4.tcp_child_ehash_entries, 6.1). No lock is taken and no pointer trusted, as in
 * inflight.h: a socket that moves meanwhile may be missed, or visited twice. */
#pragma once

#include "nets.h"
#include "inflight.h"

#define CLOSING_STEPS (1 << 18) /* of one run, at most: a chain is followed to its end */
#define TCP_CLOSING_STATES (1 << 4 | 1 << 5 | 1 << 9 | 1 << 11) /* FIN_WAIT1 and 2, LAST_ACK, CLOSING */
#define AF_INET6 10
#define TCP_ESTABLISHED 1
#define SOCK_STREAM 1

struct closing_walk closing_pos;

static __always_inline struct inet_hashinfo *connections(struct net *net)
{
	if (!bpf_core_field_exists(struct net, ipv4.tcp_death_row.hashinfo)) /* 5.18 to 6.0 */
		return NULL;
	return GET(net, ipv4.tcp_death_row.hashinfo);
}

/* Starts with the table of a namespace, if it has its own: the shared one is that of the
 * initial namespace. */
static __always_inline void start_table(struct closing_walk *w, struct net *net, u32 inode)
{
	struct inet_hashinfo *table = connections(TYPED(net));

	w->bucket = w->buckets = 0;
	w->table = 0;
	if (!table || (inode != initial_net && table == connections(init_net())))
		return;
	w->table = (u64)GET(table, ehash);
	w->buckets = GET(table, ehash_mask) + 1;
}

static __always_inline int is_closing(u32 state)
{
	return state < 32 && (1 << state & TCP_CLOSING_STATES);
}

/* Returns the MPTCP socket that a TCP socket is a subflow of, if that is no process's. It has a
 * reference of its own. When it is closed its subflows stay established until all data is
 * confirmed (mptcp_close, net/mptcp/protocol.c); one that its listener has to accept is
 * established as well. */
static __always_inline struct sock *mptcp_of(struct sock *sk)
{
	struct mptcp_subflow_context *context;
	struct sock *conn;

	if (!bpf_core_field_exists(struct mptcp_subflow_context, conn))
		return NULL;
	context = READ((struct inet_connection_sock *)sk, icsk_ulp_data); /* or another protocol's: TLS */
	if (!context || PROBE_READ(context, tcp_sock) != sk)
		return NULL;
	conn = PROBE_READ(context, conn);
	if (!conn)
		return NULL;
	conn = TYPED(conn);
	if (GET(conn, sk_protocol) != IPPROTO_MPTCP || GET(conn, sk_socket) ||
	    GET(conn, __sk_common.skc_net.net) != GET(sk, __sk_common.skc_net.net) || !READ_BIT(conn, __sk_common.skc_net_refcnt))
		return NULL;
	return conn;
}

static __always_inline void connection_step(struct closing_walk *w)
{
	struct hlist_node *node = (void *)w->node;
	struct sock *sk = TYPED(container_of(node, struct sock, __sk_common.skc_node));
	u32 state = GET(sk, __sk_common.skc_state), i = w->count;
	struct file_record r = {.kind = FILE_SOCKET, .socktype = SOCK_STREAM, .fd = -1, .slot = -1};
	struct sock *conn;

	w->node = (u64)READ(node, next);
	if (GET(sk, sk_socket) || !READ_BIT(sk, __sk_common.skc_net_refcnt))
		return;
	conn = mptcp_of(sk);
	if (conn)
		state = READ(conn, __sk_common.skc_state);
	if (conn && state == TCP_ESTABLISHED) {
		r.flags = FILE_OWN_NS | FILE_EMBRYO; /* it goes with the listener */
		sk = conn;
	} else if (!is_closing(state)) {
		return;
	} else {
		r.beside = (u64)conn;
	}
	r.object = (u64)sk;
	r.family = GET(sk, __sk_common.skc_family);
	r.mount = state;
	r.other_ns = GET(sk, __sk_common.skc_dport);
	if (r.family == AF_INET6)
		bpf_probe_read_kernel(r.device, 16, &sk->__sk_common.skc_v6_daddr);
	else
		bpf_probe_read_kernel(r.device, 4, &sk->__sk_common.skc_daddr);
	set_net(&r, GET(sk, __sk_common.skc_net.net));
	if (r.ns == initial_net)
		return;
	if (i >= FILE_BATCH) {
		pass_totals.lost++;
		return;
	}
	file_batch[i] = r;
	w->count = i + 1;
	pass_totals.written++;
}

static long closing_step(u32 step, void *ctx)
{
	struct closing_walk *w = &closing_pos;
	u32 i = w->net;

	if (w->node && !(w->node & 1)) { /* the end of a chain is an odd number */
		connection_step(w);
		return 0;
	}
	w->node = 0;
	if (w->bucket < w->buckets) {
		if (step >= MAX_STEPS)
			return 1;
		w->node = (u64)READ_POINTER(w->table + w->bucket++ * bpf_core_type_size(struct inet_ehash_bucket));
		return 0;
	}
	if (i >= w->nets || i >= NET_BATCH) {
		w->state = WALK_DONE;
		return 1;
	}
	w->net = i + 1;
	start_table(w, (struct net *)net_batch[i].address, net_batch[i].inode);
	return 0;
}

/* Fills file_batch from the namespaces in net_batch, from the bucket at which the
 * previous run stopped. */
SEC("raw_tp/closing")
int closing(void *ctx)
{
	struct closing_walk *w = &closing_pos;

	record_initial();
	w->count = 0;
	w->node = 0;
	w->state = WALK_CONTINUE;
	bpf_loop(CLOSING_STEPS, closing_step, NULL, 0);
	return 0;
}
