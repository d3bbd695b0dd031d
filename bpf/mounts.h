/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Mounts of namespaces that no mount namespace has, so that no list of mounts
 * tells of them: those below a detached mount (open_tree, fsmount), which are in
 * an anonymous mount namespace, and those that were unmounted and are still used.
 * A superblock lists all mounts of it; the namespace files' one is on the
 * kernel's list of superblocks. Unlocked and unbelieving, as in queues.h; the
 * kernel frees both after a grace period of RCU (destroy_super_rcu, fs/super.c;
 * delayed_free_vfsmnt, fs/namespace.c). */
#pragma once

#include "queues.h"

#define MOUNT_TURNS (1 << 21)
#define MNT_UMOUNT 0x8000000        /* include/linux/mount.h, since 3.17 */
#define MNT_NS_ANON_INO 0xEFFFFFF7U /* include/uapi/linux/nsfs.h, 6.18; 0 before */
#define MAX_ERRNO 4095

struct mount_walk mount_at;

/* The list of a superblock's mounts is one of struct list_head before 6.18. */
static __always_inline u64 mount_of(struct mount_walk *w, struct list_head *node)
{
	if (!node)
		total.torn++;
	if (!node || (u64)node == w->head)
		return 0;
	return (u64)container(node, struct mount___v617, mnt_instance);
}

static __always_inline u64 first_mount(struct mount_walk *w, struct super_block *sb)
{
	struct super_block___v617 *old = (void *)sb;

	if (has_field(struct mount, mnt_next_for_sb))
		return (u64)READ(sb, s_mounts);
	w->head = (u64)old + offset_in(struct super_block___v617, s_mounts);
	return mount_of(w, READ(old, s_mounts.next));
}

static __always_inline u64 next_mount(struct mount_walk *w, struct mount *mount)
{
	struct mount___v617 *old = (void *)mount;

	if (has_field(struct mount, mnt_next_for_sb))
		return (u64)READ(mount, mnt_next_for_sb);
	return mount_of(w, READ(old, mnt_instance.next));
}

/* The list's head, which is in no superblock, is looked at as one: it has not the
 * magic. Not 0 if no superblock has. */
static __always_inline long superblock_step(struct mount_walk *w)
{
	struct super_block *sb = (void *)w->sb;

	if (READ(sb, s_magic) == NSFS_MAGIC) {
		w->mount = first_mount(w, sb);
		w->sb = 0;
		return 0;
	}
	w->sb = (u64)container(READ(sb, s_list.next), struct super_block, s_list);
	return w->sb == w->first;
}

/* Whether the mount is below another and in no mount namespace; fills r->at with
 * the ID of the mount at the top of its tree. One that is below no other is only
 * kept by files that were opened through it, which hold the namespace as files.
 * While it is being made it is in no mount namespace either. */
static __always_inline int apart(struct file_rec *r, struct mount *mount)
{
	struct mnt_namespace *ns = READ(mount, mnt_ns);
	u32 inum;

	if (READ(mount, mnt_parent) == mount)
		return 0;
	if (!ns) {
		r->flags |= FILE_UNMOUNTED;
		return READ(mount, mnt.mnt_flags) & MNT_UMOUNT;
	}
	if ((u64)ns >= (u64)-MAX_ERRNO) /* MNT_NS_INTERNAL, fs/mount.h */
		return 0;
	inum = READ(ns, ns.inum);
	r->at = READ(READ(ns, root), mnt_id);
	return !inum || inum == MNT_NS_ANON_INO;
}

static __always_inline void mount_visit(struct mount_walk *w)
{
	struct mount *mount = (void *)w->mount;
	struct ns_common *ns = READ(READ(READ(mount, mnt.mnt_root), d_inode), i_private);
	struct file_rec r = {};
	u32 i = w->count;

	w->mount = next_mount(w, mount);
	if (!ns || !apart(&r, mount))
		return;
	keeps(&r, ns);
	if (!wants(r.type))
		return;
	r.mount = READ(mount, mnt_id);
	r.fd = r.slot = -1;
	if (i >= QUEUED) {
		total.lost++;
		return;
	}
	queued_out[i] = r;
	w->count = i + 1;
	total.written++;
}

static long mount_step(u32 turn, void *ctx)
{
	struct mount_walk *w = &mount_at;

	if (w->sb)
		return superblock_step(w);
	if (w->mount) {
		mount_visit(w);
		return 0;
	}
	w->state = WALK_DONE;
	return 1;
}

/* Fills queued_out, all in one run. */
SEC("raw_tp/mounts")
int mounts(void *ctx)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	struct mount_walk *w = &mount_at;

	w->sb = w->first = (u64)READ(READ(READ(reader, fs), root.mnt), mnt_sb);
	w->mount = w->head = 0;
	w->count = 0;
	w->state = WALK_BROKEN;
	bpf_loop(MOUNT_TURNS, mount_step, NULL, 0);
	return 0;
}
