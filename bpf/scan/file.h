/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which namespace an open file keeps alive: used for descriptors, mappings, files
 * in flight and io_uring slots alike. */
#pragma once

#include "../common/ns.h"
#include "kernel.h"
#include "scan.h"

#define TUN_RDEV (10 << 20 | 200)   /* misc device 200, TUN_MINOR; kernel dev_t */
#define S_IFMT 0170000
#define S_IFCHR 0020000
#define O_PATH 010000000            /* the same on x86 and arm64 */
#define FMODE_NEED_UNMOUNT (1 << 28) /* include/linux/fs.h, since 3.19 */
#define AF_UNIX 1
#define TCP_LISTEN 10
#define IO_URING_NAME 0x6e6972755f6f695bULL /* "[io_urin", io_uring_get_file */

static __always_inline int is_io_uring(struct file *file)
{
	return anon_file_name(file) == IO_URING_NAME;
}

static __always_inline void set_net(struct file_record *r, struct net *net)
{
	r->cookie = net_cookie(net);
	r->ns = READ(net, ns.inum);
	r->type = CLONE_NEWNET;
}

/* Fills in what an nsfs file, or a mount of one, keeps alive. */
static __always_inline void set_ns(struct file_record *r, struct ns_common *ns)
{
	r->kind = FILE_NSFS;
	r->ns = READ(ns, inum);
	r->type = ns_type_of(ns);
	if (r->type == CLONE_NEWNET)
		r->cookie = net_cookie(container_of(ns, struct net, ns));
}

static __always_inline int read_nsfs(struct file_record *r, struct file *file, struct inode *inode)
{
	struct ns_common *ns = nsfs_ns(inode);

	if (!ns)
		return 0;
	set_ns(r, ns);
	if (READ(file, f_flags) & O_PATH)
		r->flags |= FILE_O_PATH;
	if (READ(file, f_mode) & FMODE_NEED_UNMOUNT)
		r->flags |= FILE_DETACHED;
	return 1;
}

/* A socket reopened with O_PATH keeps its inode alive but not its struct sock:
 * private_data is empty there, and it holds no namespace. */
static __always_inline int read_socket(struct file_record *r, struct file *file, struct inode *inode)
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
	set_net(r, READ(sk, __sk_common.skc_net.net));
	if (r->family != AF_UNIX)
		return 1;
	if (READ(sk, sk_receive_queue.qlen))
		r->flags |= FILE_QUEUED;
	if (READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		r->flags |= FILE_LISTENING;
	return 1;
}

/* The file keeps the namespace alive where /dev/net/tun was opened: its struct
 * tun_file begins with a struct sock that refers to it (tun_chr_open,
 * drivers/net/tun.c). The device may be in another one, and keeps nothing alive. */
static __always_inline int read_tun(struct file_record *r, struct file *file)
{
	struct tun_file *tun = READ(file, private_data);
	struct net_device *device;
	struct net *net;

	if (!tun)
		return 0;
	r->kind = FILE_TUN;
	set_net(r, READ((struct sock *)tun, __sk_common.skc_net.net));
	if (!bpf_core_field_exists(struct tun_file, tun)) /* no BTF of the module */
		return 1;
	device = PROBE_READ(PROBE_READ(tun, tun), dev); /* mostly a module's types */
	if (!device)
		return 1;
	bpf_probe_read_kernel_str(r->device, sizeof(r->device), &device->name);
	net = READ(device, nd_net.net);
	r->other_ns = READ(net, ns.inum);
	return 1;
}

/* Fills in the namespace that the file keeps alive; 0 if it keeps none. What is
 * mounted below a detached mount is left to user space. */
static __noinline int read_file(struct file_record *r, struct file *file, struct inode *inode, u64 magic)
{
	if (magic == NSFS_MAGIC)
		return read_nsfs(r, file, inode);
	if (magic == SOCKFS_MAGIC)
		return read_socket(r, file, inode);
	if (READ(inode, i_rdev) == TUN_RDEV && (READ(inode, i_mode) & S_IFMT) == S_IFCHR)
		return read_tun(r, file);
	if (READ(file, f_mode) & FMODE_NEED_UNMOUNT) {
		r->kind = FILE_DETACHED_MOUNT;
		r->mount = READ(container_of(READ(file, f_path.mnt), struct mount, mnt), mnt_id);
		return 1;
	}
	return 0;
}
