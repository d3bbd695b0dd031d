/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether there may be files in flight: most machines have none at most times, and this is a
 * small part of the program that reads them. Any unix socket with a message in its receive
 * queue counts, and any connection that was not accepted. */
#pragma once

#include "inflight.h"

struct queued_walk queued_pos;

static long queued_step(u32 step, void *ctx)
{
	struct queued_walk *w = &queued_pos;
	struct sock *sk = TYPED((struct sock *)w->sk);
	struct hlist_node *node = NULL;
	struct hlist_head *at;
	u32 i = w->net, bucket = w->bucket;

	if (w->sk) {
		if (READ(receive_queue(sk), next) != (void *)receive_queue(sk) || is_embryo(sk))
			return 1;
		node = GET(sk, __sk_common.skc_node.next);
	} else if (i >= w->nets || i >= NET_BATCH) {
		w->state = WALK_DONE;
		return 1;
	} else if (bucket >= BUCKETS) {
		w->bucket = 0;
		w->net = i + 1;
		return 0;
	} else {
		at = READ((struct net *)net_batch[i].address, unx.table.buckets) + bucket;
		if (bucket % BUCKET_STEP == 0 && are_empty(at)) {
			w->bucket = bucket + BUCKET_STEP;
			return 0;
		}
		node = READ(at, first);
		w->bucket = bucket + 1;
	}
	w->sk = node ? (u64)container_of(node, struct sock, __sk_common.skc_node) : 0;
	return 0;
}

/* Sets queued_pos.state to WALK_DONE if none of the namespaces in net_batch has such a
 * socket. */
SEC("raw_tp/queued")
int queued(void *ctx)
{
	queued_pos.state = WALK_CONTINUE;
	bpf_loop(MAX_STEPS, queued_step, NULL, 0);
	return 0;
}
