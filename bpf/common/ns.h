/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Namespaces, and the files that refer to them. */
#pragma once

#include "kernel.h"
#include "types.h"

/* include/uapi/linux/magic.h */
#define NSFS_MAGIC 0x6e736673
#define PIDFS_MAGIC 0x50494446
#define SOCKFS_MAGIC 0x534f434b
#define ANON_INODE_FS_MAGIC 0x09041934
#define PROC_SUPER_MAGIC 0x9fa0
#define BPF_FS_MAGIC 0xcafe4a11

/* All pointers that the functions here are given are TYPED, or were read from such a one. */

static __always_inline u64 net_cookie(struct net *net)
{
	if (!bpf_core_field_exists(struct net, net_cookie))
		return 0;
	return GET(net, net_cookie);
}

/* Returns the CLONE_NEW* flag of the namespace's type. */
static __always_inline u32 ns_type_of(struct ns_common *ns)
{
	if (bpf_core_field_exists(struct ns_common, ns_type))
		return GET(ns, ns_type);
	return READ((struct proc_ns_operations___v617 *)GET(ns, ops), type);
}

/* Returns the user namespace that owns a namespace of a type, which is given as its
 * CLONE_NEW* flag: NULL of a user namespace, which has a parent. */
static __always_inline struct user_namespace *owner_of(struct ns_common *ns, u32 type)
{
	switch (type) {
	case CLONE_NEWNET:
		return READ(container_of(ns, struct net, ns), user_ns);
	case CLONE_NEWNS:
		return READ(container_of(ns, struct mnt_namespace, ns), user_ns);
	case CLONE_NEWPID:
		return READ(container_of(ns, struct pid_namespace, ns), user_ns);
	case CLONE_NEWIPC:
		return READ(container_of(ns, struct ipc_namespace, ns), user_ns);
	case CLONE_NEWUTS:
		return READ(container_of(ns, struct uts_namespace, ns), user_ns);
	case CLONE_NEWCGROUP:
		return READ(container_of(ns, struct cgroup_namespace, ns), user_ns);
	case CLONE_NEWTIME:
		return READ(container_of(ns, struct time_namespace, ns), user_ns);
	}
	return NULL;
}

/* Stores the inodes of those namespaces that a task always shares with its new
 * children, the user namespace apart: network, and of types the mount, IPC, UTS and
 * cgroup namespace. Returns the cookie of the network namespace. */
static __always_inline u64 read_nsproxy(u32 *inode, struct nsproxy *proxy, u32 types)
{
	struct net *net = GET(proxy, net_ns);

	inode[NS_NET] = GET(net, ns.inum);
	if (types & CLONE_NEWNS)
		inode[NS_MNT] = GET(proxy, mnt_ns, ns.inum);
	if (types & CLONE_NEWIPC)
		inode[NS_IPC] = GET(proxy, ipc_ns, ns.inum);
	if (types & CLONE_NEWUTS)
		inode[NS_UTS] = GET(proxy, uts_ns, ns.inum);
	if (types & CLONE_NEWCGROUP)
		inode[NS_CGROUP] = GET(proxy, cgroup_ns, ns.inum);
	return net_cookie(net);
}

/* The superblock's magic identifies the type of a file. */
static __always_inline u64 inode_magic(struct inode *inode)
{
	return GET(inode, i_sb, s_magic);
}

/* Returns the namespace that an nsfs file refers to (nsfs_init_inode, fs/nsfs.c). */
static __always_inline struct ns_common *nsfs_ns(struct inode *inode)
{
	return GET(inode, i_private);
}

/* Returns the first 8 bytes of the name of an anonymous inode's file, by which its
 * driver is known: every such file has the same inode. A dentry has room for more
 * than 8 bytes (DNAME_INLINE_LEN, include/linux/dcache.h). */
static __always_inline u64 anon_file_name(struct file *file)
{
	u64 name = 0;

	bpf_probe_read_kernel(&name, sizeof(name), GET(file, f_path.dentry, d_name.name));
	return name;
}
