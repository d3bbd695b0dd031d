/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The namespaces of a task, and those that a file passed to setns refers to. */
#pragma once

#include "../common/ns.h"
#include "../common/pid.h"
#include "reason.h"

#define PIDFD_NAME 0x5d64666469705bULL /* "[pidfd]", pidfd_create, kernel/fork.c */

/* The task is TYPED. */
static __always_inline void read_ns_set(struct ns_set *set, struct task_struct *task)
{
	struct nsproxy *proxy = GET(task, nsproxy);

	if (!proxy) /* exited */
		return;
	set->net_cookie = read_nsproxy(set->inode, proxy, NS_ALL_FLAGS);
	set->inode[NS_USER] = GET(task, cred, user_ns, ns.inum);
	set->inode[NS_PID] = GET(proxy, pid_ns_for_children, ns.inum);
	set->inode[NS_TIME] = GET(proxy, time_ns_for_children, ns.inum);
}

/* Reads the path of a file from its last name, or that of the mount point if it is the
 * root of its mount, up to the root of the mount tree. There is none of what is only on
 * an internal mount, which is its own parent: a namespace file opened in /proc/PID/ns and
 * one that was unmounted; a pipe or socket, whose name has no parent (d_alloc_pseudo,
 * fs/dcache.c). */
static __always_inline void read_path(struct event *e, struct file *file, struct dentry *dentry)
{
	struct vfsmount *vfs = READ(file, f_path.mnt);
	struct mount *mount = container_of(vfs, struct mount, mnt);
	volatile u32 *size = &e->path_size; /* hides the value from the verifier */
	struct dentry *above;
	struct mount *parent;
	long n;

	for (int step = 0; step < 24; step++) {
		u32 at = *size;

		if (dentry == READ(mount, mnt.mnt_root)) {
			parent = READ(mount, mnt_parent);
			if (parent == mount) {
				e->note |= NOTE_FULL_PATH;
				break;
			}
			dentry = READ(mount, mnt_mountpoint);
			mount = parent;
			continue;
		}
		above = READ(dentry, d_parent);
		if (at > PATH_SIZE - PATH_NAME || above == dentry)
			break;
		n = bpf_probe_read_kernel_str(e->path + at, PATH_NAME, READ(dentry, d_name.name));
		if (n <= 0)
			break;
		*size = at + n;
		dentry = above;
	}
}

static __always_inline void read_target_ns(struct event *e, struct ns_common *ns)
{
	u32 type, i;

	ns = TYPED(ns);
	type = ns_type_of(ns);
	i = ns_index_of(type);
	if (i >= NS_TYPES)
		return;
	e->type = i;
	e->target.inode[i] = GET(ns, inum);
	read_owner(e, ns, type);
	if (i == NS_NET)
		e->target.net_cookie = net_cookie(TYPED(container_of(ns, struct net, ns)));
}

static __always_inline void read_target_pid(struct event *e, struct pid *pid)
{
	struct hlist_node *first;
	struct task_struct *task;

	pid = TYPED(pid);
	first = GET(pid, tasks[0].first);
	if (!first) /* reaped */
		return;
	task = TYPED(container_of(first, struct task_struct, pid_links[0]));
	e->via_pid = reader_nr(pid);
	read_ns_set(&e->target, task);
	if (!GET(task, nsproxy))
		return;
	/* setns joins those of the process itself, not of its children (validate_nsset,
	 * kernel/nsproxy.c). */
	e->target.inode[NS_PID] = active_pid_ns(pid);
	e->target.inode[NS_TIME] = GET(task, nsproxy, time_ns, ns.inum);
}

/* Fills in what the file that setns was given refers to. A pidfd is a file of pidfs
 * since Linux 6.9, of an anonymous inode before. */
static __noinline int read_target(struct event *e, struct files_struct *files)
{
	struct fdtable *fdt = READ(files, fdt);
	struct dentry *last = 0;
	struct inode *inode;
	struct file *file;
	u64 magic;

	if (!e || (u32)e->fd >= READ(fdt, max_fds))
		return 0;
	file = READ_POINTER(READ(fdt, fd) + (u32)e->fd);
	if (!file)
		return 0;
	file = TYPED(file);
	inode = GET(file, f_inode);
	magic = inode_magic(inode);
	if (magic == NSFS_MAGIC) {
		e->via = VIA_NSFS;
		read_target_ns(e, nsfs_ns(inode));
		last = GET(file, f_path.mnt, mnt_root);
	} else if (magic == PIDFS_MAGIC) {
		e->via = VIA_PIDFD;
		read_target_pid(e, GET(inode, i_private)); /* pidfd_pid, fs/pidfs.c */
	} else if (magic == ANON_INODE_FS_MAGIC && anon_file_name(file) == PIDFD_NAME) {
		e->via = VIA_PIDFD;
		read_target_pid(e, GET(file, private_data)); /* pidfd_create, kernel/fork.c */
	} else {
		e->via = VIA_OTHER;
		last = GET(file, f_path.dentry);
	}
	if (last)
		read_path(e, file, last);
	return 0;
}
