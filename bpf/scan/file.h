/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which namespace an open file keeps alive: used for descriptors, mappings, files
 * in flight and io_uring slots alike. */
#pragma once

#include "../common/ns.h"
#include "kernel.h"
#include "reader.h"
#include "relations.h"
#include "scan.h"

#define TUN_RDEV (10 << 20 | 200)   /* misc device 200, TUN_MINOR; kernel dev_t */
#define S_IFMT 0170000
#define S_IFCHR 0020000
#define O_PATH 010000000            /* the same on x86 and arm64 */
#define FMODE_NEED_UNMOUNT (1 << 28) /* include/linux/fs.h, since 3.19 */
#define AF_UNIX 1
#define TCP_LISTEN 10
#define IPPROTO_SCTP 132
#define IPPROTO_MPTCP 262
#define AF_TIPC 30
#define IO_URING_NAME 0x6e6972755f6f695bULL /* "[io_urin", io_uring_get_file */
#define FS_CONTEXT_NAME 0x65746e6f6373665bULL /* "[fsconte", fscontext_create_fd, fs/fsopen.c */
#define BPF_ITER_NAME 0x726574695f667062ULL /* "bpf_iter", bpf_iter_new_fd, kernel/bpf/bpf_iter.c */
#define INOTIFY_NAME 0x00796669746f6e69ULL /* "inotify", do_inotify_init */
#define FANOTIFY_NAME 0x6669746f6e61665bULL /* "[fanotif", fanotify_init */

/* Files, inodes, sockets and namespaces that functions here are given are TYPED, or were read
 * from such a one. */

static __always_inline int is_io_uring(struct file *file)
{
	return anon_file_name(file) == IO_URING_NAME;
}

static __always_inline void set_net(struct file_record *r, struct net *net)
{
	r->cookie = net_cookie(net);
	r->ns = GET(net, ns.inum);
	r->type = CLONE_NEWNET;
}

/* Fills in what an nsfs file, or a mount of one, keeps alive. */
static __always_inline void set_ns(struct file_record *r, struct ns_common *ns)
{
	ns = TYPED(ns);
	r->kind = FILE_NSFS;
	r->ns = GET(ns, inum);
	r->type = ns_type_of(ns);
	if (r->type == CLONE_NEWNET)
		r->cookie = net_cookie(TYPED(container_of(ns, struct net, ns)));
	if (WITH_RELATIONS)
		relate(number(ns), r->type);
}

/* Returns the mount that a file was opened through if it is one of that file, not nsfs
 * itself, and on no list of mounts: detached, or unmounted (umount_tree, fs/namespace.c). */
static __always_inline u64 lone_mount(struct file *file)
{
	struct vfsmount *vfs = GET(file, f_path.mnt);
	struct mount *mount = TYPED(container_of(vfs, struct mount, mnt));

	if (GET(vfs, mnt_root) != GET(file, f_path.dentry) || GET(mount, mnt_parent) != mount)
		return 0;
	return (u64)mount;
}

static __always_inline int read_nsfs(struct file_record *r, struct file *file, struct inode *inode)
{
	struct ns_common *ns = nsfs_ns(inode);

	if (!ns)
		return 0;
	r->object = (u64)file;
	r->beside = lone_mount(file);
	set_ns(r, ns);
	if (GET(file, f_flags) & O_PATH)
		r->flags |= FILE_O_PATH;
	if (GET(file, f_mode) & FMODE_NEED_UNMOUNT)
		r->flags |= FILE_DETACHED;
	return 1;
}

/* Returns the peer of a unix socket in the same namespace. It is not freed before the
 * socket is, though it may be closed (unix_release_sock, net/unix/af_unix.c). */
static __always_inline u64 unix_peer(struct sock *sk)
{
	struct sock *peer = READ((struct unix_sock *)sk, peer);

	if (!peer || GET(peer, __sk_common.skc_net.net) != GET(sk, __sk_common.skc_net.net))
		return 0;
	return (u64)peer;
}

/* Reports whether the connections that a listening socket has to accept are sockets: those of
 * SCTP are associations of its own (sctp_endpoint_add_asoc, net/sctp/endpointola.c), and those
 * of TIPC messages. */
static __always_inline int queues_sockets(struct file_record *r)
{
	return r->protocol != IPPROTO_SCTP && r->family != AF_TIPC;
}

/* A socket reopened with O_PATH keeps its inode alive but not its struct sock:
 * private_data is empty there, and it holds no namespace. */
static __always_inline int read_socket(struct file_record *r, struct file *file, struct inode *inode)
{
	struct socket *socket = GET(file, private_data); /* sock_alloc_file, net/socket.c */
	struct sock *sk;

	if (!socket)
		return 0;
	socket = TYPED(socket);
	sk = GET(socket, sk);
	if (!sk)
		return 0;
	r->kind = FILE_SOCKET;
	r->object = (u64)sk;
	r->socket = GET(inode, i_ino);
	r->socktype = GET(socket, type);
	r->family = GET(sk, __sk_common.skc_family);
	r->protocol = GET(sk, sk_protocol);
	set_net(r, GET(sk, __sk_common.skc_net.net));
	if (r->family != AF_UNIX) {
		if (GET(sk, __sk_common.skc_state) == TCP_LISTEN && queues_sockets(r))
			r->other_ns = GET(sk, sk_ack_backlog);
		return 1;
	}
	r->beside = unix_peer(sk);
	if (GET(sk, sk_receive_queue.qlen))
		r->flags |= FILE_QUEUED;
	if (GET(sk, __sk_common.skc_state) == TCP_LISTEN)
		r->flags |= FILE_LISTENING;
	return 1;
}

static __always_inline void set_device(struct file_record *r, struct net_device *device)
{
	if (!device)
		return;
	bpf_probe_read_kernel_str(r->device, sizeof(r->device), &device->name);
	r->other_ns = READ(device, nd_net.net, ns.inum);
}

/* The file keeps the namespace alive where /dev/net/tun was opened: its struct
 * tun_file begins with a struct sock that refers to it (tun_chr_open,
 * drivers/net/tun.c). The device may be in another one, and keeps nothing alive. */
static __always_inline int read_tun(struct file_record *r, struct file *file)
{
	struct tun_file *tun = GET(file, private_data);

	if (!tun)
		return 0;
	r->kind = FILE_TUN;
	r->object = (u64)tun;
	set_net(r, READ((struct sock *)tun, __sk_common.skc_net.net));
	if (bpf_core_field_exists(struct tun_file, tun)) /* BTF of the module */
		set_device(r, PROBE_READ(PROBE_READ(tun, tun), dev));
	return 1;
}

/* Major numbers that the kernel gives out itself (find_dynamic_major, fs/char_dev.c),
 * as to the driver of /dev/tapN. */
static __always_inline int is_dynamic_char(struct inode *inode)
{
	u32 major = GET(inode, i_rdev) >> 20;

	return ((major >= 234 && major <= 254) || (major >= 384 && major <= 511)) &&
	       (GET(inode, i_mode) & S_IFMT) == S_IFCHR;
}

/* The file of a macvtap or ipvtap device keeps the namespace alive where it was opened:
 * its struct tap_queue begins with a struct sock that refers to it (tap_open,
 * drivers/net/tap.c). It is known by that sock's socket, which has the file. The device
 * may be in another namespace, or gone, and keeps nothing alive. */
static __always_inline int read_tap(struct file_record *r, struct file *file)
{
	struct tap_queue *tap = GET(file, private_data);
	struct sock *sk = TYPED((struct sock *)tap);
	struct socket *socket = GET(sk, sk_socket);

	if (!socket || GET(socket, sk) != sk || GET(socket, file) != file)
		return 0;
	r->kind = FILE_TUN;
	r->object = (u64)tap;
	set_net(r, GET(sk, __sk_common.skc_net.net));
	if (bpf_core_field_exists(struct tap_queue, tap)) /* BTF of the module */
		set_device(r, PROBE_READ(PROBE_READ(tap, tap), dev));
	return 1;
}

/* An open file of /proc/PID/net refers to the namespace that its directory is of
 * (seq_open_net and single_open_net, fs/proc/proc_net.c): it is the seq_file's private
 * data, or the first of it. */
static __always_inline int read_proc_net(struct file_record *r, struct file *file, struct inode *inode)
{
	struct proc_dir_entry *entry = READ(container_of(inode, struct proc_inode, vfs_inode), pde);
	struct seq_file *seq = GET(file, private_data);
	struct net *net;
	void *private;

	if (!entry || !seq)
		return 0;
	net = READ(entry, parent, data); /* PDE_NET */
	private = READ(seq, private);
	if (!net || (private != net && READ_POINTER(private) != net))
		return 0;
	net = TYPED(net);
	if (GET(net, ns.ops) != net_ops)
		return 0;
	r->kind = FILE_PROC_NET;
	r->object = (u64)file;
	set_net(r, net);
	return 1;
}

/* A BPF iterator over the sockets or routes of a network namespace refers to that: to the one in
 * which it was made (bpf_iter_init_seq_net, fs/proc/proc_net.c, 5.8). It is the first of the
 * seq_file's private data (struct seq_net_private), where other iterators have other things. */
static __always_inline int read_bpf_iter(struct file_record *r, struct file *file)
{
	struct seq_file *seq = GET(file, private_data); /* prepare_seq_file, kernel/bpf/bpf_iter.c */
	struct net *net;

	if (!seq)
		return 0;
	net = READ_POINTER(READ(seq, private));
	if (!net || READ(net, ns.ops) != net_ops)
		return 0;
	r->kind = FILE_BPF_ITER;
	r->object = (u64)file;
	set_net(r, TYPED(net));
	return 1;
}

static __always_inline int read_fs_context(struct file_record *r, struct file *file)
{
	struct fs_context *context = GET(file, private_data);
	struct net *net = READ(context, net_ns);

	if (!net)
		return 0;
	r->kind = FILE_FS_CONTEXT;
	r->object = (u64)context;
	set_net(r, net);
	return 1;
}

/* What an inotify or fanotify file watches is left to user space: its fdinfo has it. */
static __always_inline int read_anon(struct file_record *r, struct file *file)
{
	u64 name = anon_file_name(file);

	if (name == FS_CONTEXT_NAME)
		return read_fs_context(r, file);
	if (name == BPF_ITER_NAME)
		return read_bpf_iter(r, file);
	if (name != INOTIFY_NAME && name != FANOTIFY_NAME)
		return 0;
	r->kind = name == INOTIFY_NAME ? FILE_INOTIFY : FILE_FANOTIFY;
	return opts.account;
}

struct file_record found; /* by read_file */

/* Adds to found the namespace that the file at found.object keeps alive; 0 if it keeps
 * none. What is mounted below a detached mount is left to user space. A global function,
 * which the verifier checks once and not for every call: it cannot be given a pointer. */
__noinline int read_found(void)
{
	struct file_record *r = &found;
	struct file *file = TYPED((struct file *)r->object);
	struct inode *inode = GET(file, f_inode);
	u64 magic = inode_magic(inode);

	r->object = 0;

	if (magic == NSFS_MAGIC)
		return read_nsfs(r, file, inode);
	if (magic == SOCKFS_MAGIC)
		return read_socket(r, file, inode);
	if (magic == PROC_SUPER_MAGIC)
		return read_proc_net(r, file, inode);
	if (magic == ANON_INODE_FS_MAGIC)
		return read_anon(r, file);
	if (magic == BPF_FS_MAGIC) /* one that is pinned */
		return read_bpf_iter(r, file);
	if (GET(inode, i_rdev) == TUN_RDEV && (GET(inode, i_mode) & S_IFMT) == S_IFCHR)
		return read_tun(r, file);
	if (is_dynamic_char(inode))
		return read_tap(r, file);
	if (GET(file, f_mode) & FMODE_NEED_UNMOUNT) {
		r->kind = FILE_DETACHED_MOUNT;
		r->mount = READ(container_of(GET(file, f_path.mnt), struct mount, mnt), mnt_id);
		return 1;
	}
	return 0;
}

static __always_inline int read_file(struct file *file)
{
	found.object = (u64)file;
	return read_found();
}
