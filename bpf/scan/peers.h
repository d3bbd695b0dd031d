/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Closed unix sockets that an open one is still connected to, which refers to its peer until it
 * is closed, connected elsewhere, or sends something (unix_dgram_connect and unix_dgram_sendmsg,
 * net/unix/af_unix.c). Only a datagram socket can have one in another namespace: an accepted
 * connection is in its client's. One in its own namespace goes with it: see file_record.beside. */
#pragma once

#include "taskfiles.h"

SEC("iter/task_file")
int closed_peers(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct inode *inode;
	struct socket *socket;
	struct sock *sk, *peer;

	if (!task || !file) {
		pass_totals.ended++;
		return 0;
	}
	start_iterator(ctx->meta);
	pass_totals.visited++;
	file = TYPED(file);
	inode = GET(file, f_inode);
	socket = GET(file, private_data);
	if (inode_magic(inode) != SOCKFS_MAGIC || !socket)
		return 0;
	sk = TYPED(READ(socket, sk));
	if (!sk || GET(sk, __sk_common.skc_family) != AF_UNIX)
		return 0;
	peer = READ((struct unix_sock *)sk, peer);
	if (!peer)
		return 0;
	peer = TYPED(peer);
	if (GET(peer, sk_socket) || GET(peer, __sk_common.skc_net.net) == GET(sk, __sk_common.skc_net.net) ||
	    !READ_BIT(peer, __sk_common.skc_net_refcnt))
		return 0;
	owner_task = task;
	set_owner();
	take_owner();
	found.fd = ctx->fd;
	found.kind = FILE_SOCKET;
	found.flags = FILE_PEER;
	found.object = (u64)peer;
	found.family = AF_UNIX;
	found.socktype = GET(peer, sk_type);
	set_net(&found, GET(peer, __sk_common.skc_net.net));
	if (should_report() && bpf_seq_write(ctx->meta->seq, &found, sizeof(found)) == 0)
		pass_totals.written++;
	return 0;
}
