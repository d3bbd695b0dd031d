/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which namespace does an open file keep alive? Asked of every descriptor,
 * mapping, queued file and io_uring slot alike. */
#pragma once

#include "ns.h"
#include "scan.h"

#define SOCKFS_MAGIC 0x534f434b     /* include/uapi/linux/magic.h */
#define TUN_RDEV (10 << 20 | 200)   /* misc device 200, TUN_MINOR; kernel dev_t */
#define S_IFMT 0170000
#define S_IFCHR 0020000
#define O_PATH 010000000            /* the same on x86 and arm64 */
#define FMODE_NEED_UNMOUNT (1 << 28) /* include/linux/fs.h, since 3.19 */
#define AF_UNIX 1
#define TCP_LISTEN 10

static __always_inline void keeps_net(struct file_rec *r, struct net *net)
{
	r->cookie = cookie_of(net);
	r->ns = READ(net, ns.inum);
	r->type = CLONE_NEWNET;
}

/* Fills what an nsfs file, or a mount of one, keeps. */
static __always_inline void keeps(struct file_rec *r, struct ns_common *ns)
{
	r->kind = FILE_NSFS;
	r->ns = READ(ns, inum);
	r->type = type_of(ns);
	if (r->type == CLONE_NEWNET)
		r->cookie = cookie_of(container(ns, struct net, ns));
}

static __always_inline int held_nsfs(struct file_rec *r, struct file *file, struct inode *inode)
{
	struct ns_common *ns = READ(inode, i_private); /* nsfs_init_inode, fs/nsfs.c */

	if (!ns)
		return 0;
	keeps(r, ns);
	if (READ(file, f_flags) & O_PATH)
		r->flags |= FILE_PATH;
	if (READ(file, f_mode) & FMODE_NEED_UNMOUNT)
		r->flags |= FILE_DETACHED;
	return 1;
}

/* A socket opened again with O_PATH keeps its inode but not its struct sock
 * alive: private_data is empty there, and so it counts for nothing. */
static __always_inline int held_socket(struct file_rec *r, struct file *file, struct inode *inode)
{
	struct socket *socket = READ(file, private_data); /* sock_alloc_file, net/socket.c */
	struct sock *sk;

	if (!socket)
		return 0;
	sk = READ(socket, sk);
	if (!sk)
		return 0;
	r->kind = FILE_SOCKET;
	r->socket = READ(inode, i_ino);
	r->socktype = READ(socket, type);
	r->family = READ(sk, __sk_common.skc_family);
	r->protocol = READ(sk, sk_protocol);
	keeps_net(r, READ(sk, __sk_common.skc_net.net));
	if (r->family != AF_UNIX)
		return 1;
	if (READ(sk, sk_receive_queue.qlen))
		r->flags |= FILE_QUEUED;
	if (READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		r->flags |= FILE_LISTENING;
	return 1;
}

/* What the file keeps alive is the namespace where /dev/net/tun was opened: its
 * struct tun_file begins with a struct sock that refers to it (tun_chr_open,
 * drivers/net/tun.c). The device may have moved on, and keeps nothing. */
static __always_inline int held_tun(struct file_rec *r, struct file *file)
{
	struct tun_file *tun = READ(file, private_data);
	struct net_device *device;
	struct net *net;

	if (!tun)
		return 0;
	r->kind = FILE_TUN;
	keeps_net(r, READ((struct sock *)tun, __sk_common.skc_net.net));
	if (!has_field(struct tun_file, tun)) /* the module's BTF is not there */
		return 1;
	device = PROBE(PROBE(tun, tun), dev); /* of a module, mostly */
	if (!device)
		return 1;
	bpf_probe_read_kernel_str(r->device, sizeof(r->device), &device->name);
	net = READ(device, nd_net.net);
	r->other_ns = READ(net, ns.inum);
	return 1;
}

/* Fills what the file keeps alive; 0 if that is nothing. Of a detached mount that
 * is for user space to find out. */
static __noinline int held(struct file_rec *r, struct file *file, struct inode *inode, u64 magic)
{
	if (magic == NSFS_MAGIC)
		return held_nsfs(r, file, inode);
	if (magic == SOCKFS_MAGIC)
		return held_socket(r, file, inode);
	if (READ(inode, i_rdev) == TUN_RDEV && (READ(inode, i_mode) & S_IFMT) == S_IFCHR)
		return held_tun(r, file);
	if (READ(file, f_mode) & FMODE_NEED_UNMOUNT) {
		r->kind = FILE_TREE;
		r->mount = READ(container(READ(file, f_path.mnt), struct mount, mnt), mnt_id);
		return 1;
	}
	return 0;
}
