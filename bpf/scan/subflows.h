/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The subflows of an MPTCP socket, each of which has a reference of its own to the namespace, as
 * a TCP socket has (mptcp_subflow_create_socket, net/mptcp/subflow.c). No lock is taken and no
 * pointer trusted, as in inflight.h. */
#pragma once

#include "file.h"

#define SUBFLOWS_MAX 32 /* eight beside the first (net/mptcp/protocol.h), and some that are closing */

struct subflow_walk {
	u64 node;
	u64 head;
	struct net *net;
	u32 references;
	u32 unused;
};

struct subflow_walk subflow_pos;

static long subflow_step(u32 i, void *ctx)
{
	struct subflow_walk *w = &subflow_pos;
	struct mptcp_subflow_context *context = container_of((void *)w->node, struct mptcp_subflow_context, node);
	struct sock *sk = PROBE_READ(context, tcp_sock);

	if (!w->node || w->node == w->head)
		return 1;
	w->node = (u64)READ((struct list_head *)w->node, next);
	if (!sk)
		return 0;
	sk = TYPED(sk);
	if (GET(sk, __sk_common.skc_net.net) != w->net)
		return 0;
	w->references += READ_BIT(sk, __sk_common.skc_net_refcnt);
	if (GET(sk, __sk_common.skc_state) == TCP_LISTEN)
		w->references += GET(sk, sk_ack_backlog);
	return 0;
}

/* Adds to found, if it is an MPTCP socket, how many references its subflows have, and the
 * connections that those have to accept. */
static __always_inline void add_subflows(void)
{
	struct subflow_walk *w = &subflow_pos;
	struct sock *sk = TYPED((struct sock *)found.object);

	if (found.kind != FILE_SOCKET || found.protocol != IPPROTO_MPTCP || !opts.account ||
	    !bpf_core_field_exists(struct mptcp_sock, conn_list))
		return;
	w->head = found.object + bpf_core_field_offset(struct mptcp_sock, conn_list);
	w->node = (u64)READ((struct list_head *)w->head, next);
	w->net = GET(sk, __sk_common.skc_net.net);
	w->references = 0;
	bpf_loop(SUBFLOWS_MAX, subflow_step, NULL, 0);
	found.other_ns = w->references;
}
