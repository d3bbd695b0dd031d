/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The files that an io_uring instance keeps open in its registered slots.
 * Included by scan.bpf.c, after tells. */
#pragma once

#include "held.h"

#define RING_SLOTS (1 << 20)                 /* IORING_MAX_FIXED_FILES, io_uring/rsrc.c */
#define RING_NAME 0x6e6972755f6f695bULL      /* "[io_urin", io_uring_get_file */
#define FILE_POINTER (~7UL)                  /* the low bits are flags, FFS_MASK */

struct ring_seen {
	struct seq_file *seq;
	struct file_rec *ring; /* who has it, and by what */
};

/* In a map rather than on the stack, where the verifier would follow each value. */
struct ring_walk {
	void *slots;
	u32 count;
	u32 room;
	u32 written;
	u32 lost;
	u32 full;
};

struct ring_walk ring_at;

static __always_inline int is_ring(struct file *file)
{
	u64 name = 0;

	bpf_probe_read_kernel(&name, sizeof(name), READ(READ(file, f_path.dentry), d_name.name));
	return name == RING_NAME;
}

static __always_inline struct file *ring_slot(struct ring_walk *w, u32 i)
{
	unsigned long pointer = 0;
	struct io_fixed_file *fixed;
	struct io_rsrc_node *node;

	if (has_field(struct io_rsrc_data, nodes)) {
		node = POINTER_AT(w->slots + i * sizeof(node));
		if (node)
			pointer = READ(node, file_ptr);
	} else {
		fixed = w->slots + i * kernel_sizeof(struct io_fixed_file);
		pointer = READ(fixed, file_ptr);
	}
	return (struct file *)(pointer & FILE_POINTER);
}

static long ring_step(u32 i, struct ring_seen *seen)
{
	struct file_rec r = *seen->ring;
	struct ring_walk *w = &ring_at;
	struct inode *inode;
	struct file *file;

	if (i >= w->count)
		return 1;
	file = ring_slot(w, i);
	if (!file)
		return 0;
	inode = READ(file, f_inode);
	if (!held(&r, file, inode, magic_of(inode)))
		return 0;
	r.slot = i;
	r.flags |= FILE_REGISTERED;
	if (!tells(&r))
		return 0;
	if (w->written >= w->room) {
		w->lost++;
		return 0;
	}
	if (bpf_seq_write(seen->seq, &r, sizeof(r))) {
		w->full = 1;
		return 1;
	}
	w->written++;
	return 0;
}

/* How many slots the instance has; 0 too where this kernel's way to keep them is
 * unknown, which is counted. */
static __always_inline u32 ring_slots(struct file *file)
{
	struct io_ring_ctx *ctx = READ(file, private_data);
	struct io_ring_ctx___v612 *old = (void *)ctx;
	struct ring_walk *w = &ring_at;

	w->count = 0;
	if (!ctx)
		return 0;
	if (has_field(struct io_rsrc_data, nodes)) {
		w->slots = READ(ctx, file_table.data.nodes);
		w->count = READ(ctx, file_table.data.nr);
	} else if (has_field(struct io_ring_ctx___v612, file_table.files)) {
		w->slots = READ(old, file_table.files);
		w->count = READ(old, nr_user_files);
	} else {
		total.blind++;
	}
	if (!w->slots)
		w->count = 0;
	return w->count;
}

/* Writes a record for each of those slots that keeps something, as far as there
 * is room. The caller counts them, once it knows that the show call fitted. */
static __always_inline void ring_files(struct seq_file *seq, struct file_rec *ring, u32 room)
{
	struct ring_seen seen = {.seq = seq, .ring = ring};
	struct ring_walk *w = &ring_at;

	w->room = room;
	w->written = w->lost = w->full = 0;
	bpf_loop(RING_SLOTS, ring_step, &seen, 0);
}
