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

/* Reads one name of a path, or leaves a mount, and returns 0 once there is no more. */
static __always_inline int read_name(struct scratch *s)
{
	struct mount *mount, *parent;
	struct dentry *dentry, *above;
	u32 at;
	long n;

	mount = TYPED((struct mount *)s->mount);
	dentry = TYPED((struct dentry *)s->dentry);
	if (dentry == GET(mount, mnt.mnt_root)) {
		parent = GET(mount, mnt_parent);
		if (parent == mount) {
			s->event.note |= NOTE_FULL_PATH;
			return 0;
		}
		s->dentry = (u64)GET(mount, mnt_mountpoint);
		s->mount = (u64)parent;
		return 1;
	}
	above = GET(dentry, d_parent);
	at = s->event.path_size;
	if (at > PATH_SIZE - PATH_NAME || above == dentry)
		return 0;
	n = bpf_probe_read_kernel_str(s->event.path + at, PATH_NAME, GET(dentry, d_name.name));
	if (n <= 0)
		return 0;
	s->event.path_size = at + n;
	s->dentry = (u64)above;
	return 1;
}

/* The same as a global function: the verifier does not follow it in every turn of the loop. */
#ifdef DIRECT
__noinline int read_step(struct scratch *s) { return s ? read_name(s) : 0; }
#else
__noinline int read_step_once(void)
{
	struct scratch *s = my_scratch();

	return s ? read_name(s) : 0;
}

static __always_inline int read_step(struct scratch *s) { return read_step_once(); }
#endif

/* Reads the path of a file from its last name, or that of the mount point if it is the
 * root of its mount, up to the root of the mount tree. There is none of what is only on
 * an internal mount, which is its own parent: a namespace file opened in /proc/PID/ns and
 * one that was unmounted; a pipe or socket, whose name has no parent (d_alloc_pseudo,
 * fs/dcache.c). */
static __always_inline void read_path(struct scratch *s, struct file *file, struct dentry *dentry)
{
	struct vfsmount *vfs = GET(file, f_path.mnt);
	struct mount *mount = TYPED(container_of(vfs, struct mount, mnt));

	if (dentry == GET(mount, mnt.mnt_root) && GET(mount, mnt_parent) == mount) {
		s->event.note |= NOTE_FULL_PATH;
		return; /* as read_step does, without a call */
	}
	s->mount = (u64)mount;
	s->dentry = (u64)dentry;
	for (int step = 0; step < 24; step++)
		if (!read_step(s))
			break;
}

static __always_inline void read_target_ns(struct event *e, struct task_struct *task, struct ns_common *ns)
{
	u32 type, i;

	ns = TYPED(ns);
	type = ns_type_of(ns);
	i = ns_index_of(type);
	if (i >= NS_TYPES)
		return;
	e->type = i;
	e->target.inode[i] = GET(ns, inum);
	if (i == NS_NET)
		e->target.net_cookie = net_cookie(TYPED(container_of(ns, struct net, ns)));
	read_owner(e, task, ns, type);
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

/* Fills in what the file that setns was given refers to. A pidfd is a file of pidfs since
 * Linux 6.9, of an anonymous inode before. */
FUNCTION(read_target)
{
	struct fdtable *fdt = GET(task, files, fdt);
	struct event *e = &s->event;
	struct dentry *last = 0;
	struct inode *inode;
	struct file *file;
	u64 magic;

	if ((u32)e->fd >= READ(fdt, max_fds))
		return 0;
	file = READ_POINTER(READ(fdt, fd) + (u32)e->fd);
	if (!file)
		return 0;
	file = TYPED(file);
	inode = GET(file, f_inode);
	magic = inode_magic(inode);
	if (magic == NSFS_MAGIC) {
		e->via = VIA_NSFS;
		read_target_ns(e, task, nsfs_ns(inode));
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
		read_path(s, file, last);
	return 0;
}
