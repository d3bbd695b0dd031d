/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mounts of nsfs that are in no ordinary mount namespace, so that no list of mounts
 * has them: those below a detached mount (open_tree, fsmount), which are in an
 * anonymous mount namespace, and those that were unmounted and are still in use. A
 * superblock lists all its mounts, and that of nsfs is on the kernel's list of
 * superblocks. No lock is taken and no pointer trusted, as in inflight.h; the kernel
 * frees both after an RCU grace period (destroy_super_rcu, fs/super.c;
 * delayed_free_vfsmnt, fs/namespace.c). */
#pragma once

#include "inflight.h"

#define MAX_MOUNT_STEPS (1 << 21)
#define MNT_UMOUNT 0x8000000        /* include/linux/mount.h, since 3.17 */
#define MNT_NS_ANON_INO 0xEFFFFFF7U /* include/uapi/linux/nsfs.h, 6.18; 0 before */
#define MAX_ERRNO 4095

struct mount_walk mount_pos;

/* Before 6.18 the mounts of a superblock are a struct list_head. */
static __always_inline u64 mount_of(struct mount_walk *w, struct list_head *node)
{
	if (!node)
		pass_totals.changed++;
	if (!node || (u64)node == w->head)
		return 0;
	return (u64)container_of(node, struct mount___v617, mnt_instance);
}

static __always_inline u64 first_mount(struct mount_walk *w, struct super_block *sb)
{
	struct super_block___v617 *old = (void *)sb;

	if (bpf_core_field_exists(struct mount, mnt_next_for_sb))
		return (u64)GET(sb, s_mounts);
	w->head = (u64)old + bpf_core_field_offset(struct super_block___v617, s_mounts);
	return mount_of(w, READ(old, s_mounts.next));
}

static __always_inline u64 next_mount(struct mount_walk *w, struct mount *mount)
{
	struct mount___v617 *old = (void *)mount;

	if (bpf_core_field_exists(struct mount, mnt_next_for_sb))
		return (u64)GET(mount, mnt_next_for_sb);
	return mount_of(w, READ(old, mnt_instance.next));
}

/* The list's head is visited as if it were in a superblock, and does not have the
 * magic. Returns 1 if no superblock does. */
static __always_inline long superblock_step(struct mount_walk *w)
{
	struct super_block *sb = TYPED((struct super_block *)w->sb);

	if (GET(sb, s_magic) == NSFS_MAGIC) {
		w->mount = first_mount(w, sb);
		w->sb = 0;
		return 0;
	}
	w->sb = (u64)container_of(GET(sb, s_list.next), struct super_block, s_list);
	return w->sb == w->first;
}

/* Reports whether the mount is below another and in no ordinary mount namespace, and
 * sets r->location to the ID of the mount at the root of its tree. One that is below
 * no other is kept alive only by the files opened through it, which hold the namespace
 * themselves. While a mount is being made it is in no mount namespace either. */
static __always_inline int is_detached(struct file_record *r, struct mount *mount)
{
	struct mnt_namespace *ns = GET(mount, mnt_ns);
	u32 inum;

	if (GET(mount, mnt_parent) == mount)
		return 0;
	if (!ns) {
		r->flags |= FILE_UNMOUNTED;
		return GET(mount, mnt.mnt_flags) & MNT_UMOUNT;
	}
	if ((u64)ns >= (u64)-MAX_ERRNO) /* MNT_NS_INTERNAL, fs/mount.h */
		return 0;
	inum = GET(ns, ns.inum);
	r->location = GET(ns, root, mnt_id);
	return !inum || inum == MNT_NS_ANON_INO;
}

static __always_inline void visit_mount(struct mount_walk *w)
{
	struct mount *mount = TYPED((struct mount *)w->mount);
	struct ns_common *ns = GET(mount, mnt.mnt_root, d_inode, i_private);
	struct file_record r = {};
	u32 i = w->count;

	w->mount = next_mount(w, mount);
	if (!ns || !is_detached(&r, mount))
		return;
	set_ns(&r, ns);
	if (!type_wanted(r.type))
		return;
	r.mount = GET(mount, mnt_id);
	r.fd = r.slot = -1;
	if (i >= FILE_BATCH) {
		pass_totals.lost++;
		return;
	}
	file_batch[i] = r;
	w->count = i + 1;
	pass_totals.written++;
}

static long mount_step(u32 step, void *ctx)
{
	struct mount_walk *w = &mount_pos;

	if (w->sb)
		return superblock_step(w);
	if (w->mount) {
		visit_mount(w);
		return 0;
	}
	w->state = WALK_DONE;
	return 1;
}

/* Fills file_batch in a single run. */
SEC("raw_tp/detached_mounts")
int detached_mounts(void *ctx)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct mount_walk *w = &mount_pos;

	w->sb = w->first = (u64)READ(reader, fs, root.mnt, mnt_sb);
	w->mount = w->head = 0;
	w->count = 0;
	w->state = WALK_ABORTED;
	bpf_loop(MAX_MOUNT_STEPS, mount_step, NULL, 0);
	return 0;
}
