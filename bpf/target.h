/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a task is, and where the file that it gives to setns would lead it. */
#pragma once

#include "ns.h"
#include "sending.h"

#define PIDFS_MAGIC 0x50494446 /* include/uapi/linux/magic.h */

/* The number that the reader's pid namespace gives, 0 if it has none. */
static __always_inline u32 number_of(struct pid *pid)
{
	struct upid *upid;

	if (!pid || READ(pid, level) < reader_level)
		return 0;
	upid = at_level(pid, reader_level);
	if (reader_level && READ(READ(upid, ns), ns.inum) != reader_pidns)
		return 0;
	return READ(upid, nr);
}

static __always_inline void look(struct ns_set *set, struct task_struct *task)
{
	struct nsproxy *proxy = READ(task, nsproxy);
	struct net *net;

	if (!proxy) /* it has ended */
		return;
	net = READ(proxy, net_ns);
	set->net_cookie = cookie_of(net);
	set->inode[NS_NET] = READ(net, ns.inum);
	set->inode[NS_MNT] = READ(READ(proxy, mnt_ns), ns.inum);
	set->inode[NS_USER] = READ(READ(READ(task, cred), user_ns), ns.inum);
	set->inode[NS_PID] = READ(READ(proxy, pid_ns_for_children), ns.inum);
	set->inode[NS_IPC] = READ(READ(proxy, ipc_ns), ns.inum);
	set->inode[NS_UTS] = READ(READ(proxy, uts_ns), ns.inum);
	set->inode[NS_CGROUP] = READ(READ(proxy, cgroup_ns), ns.inum);
	set->inode[NS_TIME] = READ(READ(proxy, time_ns_for_children), ns.inum);
}

static __always_inline u32 index_of(u32 type)
{
	switch (type) {
	case CLONE_NEWNET: return NS_NET;
	case CLONE_NEWNS: return NS_MNT;
	case CLONE_NEWUSER: return NS_USER;
	case CLONE_NEWPID: return NS_PID;
	case CLONE_NEWIPC: return NS_IPC;
	case CLONE_NEWUTS: return NS_UTS;
	case CLONE_NEWCGROUP: return NS_CGROUP;
	case CLONE_NEWTIME: return NS_TIME;
	}
	return NS_TYPES;
}

/* Follows the mount point of a namespace file up to the root of the mount tree.
 * One opened in /proc/PID/ns is on the kernel's own mount of nsfs, which is its
 * own parent (and so is a mount that was unmounted): there is no path. */
static __always_inline void mount_point(struct event *e, struct file *file)
{
	struct vfsmount *vfs = READ(file, f_path.mnt);
	struct mount *mount = container(vfs, struct mount, mnt);
	struct dentry *dentry = READ(mount, mnt.mnt_root);
	volatile u32 *size = &e->path_size; /* so that the verifier knows nothing of it */
	struct mount *parent;
	long n;

	for (int step = 0; step < 24; step++) {
		u32 at = *size;

		if (dentry == READ(mount, mnt.mnt_root)) {
			parent = READ(mount, mnt_parent);
			if (parent == mount) {
				e->note |= NOTE_WHOLE;
				break;
			}
			dentry = READ(mount, mnt_mountpoint);
			mount = parent;
			continue;
		}
		if (at > PATH_SIZE - PATH_NAME)
			break;
		n = bpf_probe_read_kernel_str(e->path + at, PATH_NAME, READ(dentry, d_name.name));
		if (n <= 0)
			break;
		*size = at + n;
		dentry = READ(dentry, d_parent);
	}
}

static __always_inline void target_ns(struct event *e, struct file *file, struct ns_common *ns)
{
	u32 i = index_of(type_of(ns));

	if (i >= NS_TYPES)
		return;
	e->type = i;
	e->target.inode[i] = READ(ns, inum);
	if (i == NS_NET)
		e->target.net_cookie = cookie_of(container(ns, struct net, ns));
	mount_point(e, file);
}

static __always_inline void target_pid(struct event *e, struct pid *pid)
{
	struct hlist_node *first = READ(pid, tasks[0].first);
	struct task_struct *task;

	if (!first) /* it has been reaped */
		return;
	task = container(first, struct task_struct, pid_links[0]);
	e->via_pid = number_of(pid);
	look(&e->target, task);
	if (!READ(task, nsproxy))
		return;
	/* Those that the process itself is in, not its children's (validate_nsset,
	 * kernel/nsproxy.c). */
	e->target.inode[NS_PID] = READ(READ(at_level(pid, READ(pid, level)), ns), ns.inum);
	e->target.inode[NS_TIME] = READ(READ(READ(task, nsproxy), time_ns), ns.inum);
}

/* A pidfd is a file of pidfs since Linux 6.9, an anonymous one before. */
static __always_inline int is_old_pidfd(struct file *file)
{
	char name[8] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), READ(READ(file, f_path.dentry), d_name.name));
	return name[0] == '[' && name[1] == 'p' && name[2] == 'i' && name[3] == 'd' &&
	       name[4] == 'f' && name[5] == 'd' && name[6] == ']';
}

static __noinline int target(struct event *e, struct files_struct *files)
{
	struct fdtable *fdt = READ(files, fdt);
	struct inode *inode;
	struct file *file;
	u64 magic;

	if (!e || (u32)e->fd >= READ(fdt, max_fds))
		return 0;
	file = POINTER_AT(READ(fdt, fd) + (u32)e->fd);
	if (!file)
		return 0;
	inode = READ(file, f_inode);
	magic = magic_of(inode);
	if (magic == NSFS_MAGIC) {
		e->via = VIA_NSFS;
		target_ns(e, file, READ(inode, i_private)); /* nsfs_init_inode, fs/nsfs.c */
	} else if (magic == PIDFS_MAGIC) {
		e->via = VIA_PIDFD;
		target_pid(e, READ(inode, i_private)); /* pidfd_pid, fs/pidfs.c */
	} else if (magic == ANON_INODE_FS_MAGIC && is_old_pidfd(file)) {
		e->via = VIA_PIDFD;
		target_pid(e, READ(file, private_data)); /* pidfd_create, kernel/fork.c */
	} else {
		e->via = VIA_OTHER;
	}
	return 0;
}

