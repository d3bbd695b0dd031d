/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The files that an io_uring instance keeps open in its registered slots.
 * Included by scan.bpf.c, after should_report. */
#pragma once

#include "file.h"

#define RING_SLOTS (1 << 20) /* IORING_MAX_FIXED_FILES, io_uring/rsrc.c */
#define FILE_POINTER (~7UL)  /* the low bits are flags, FFS_MASK */

struct ring_ctx {
	struct seq_file *seq;
};

/* A global rather than on the stack, where the verifier would track each value. */
struct ring_walk {
	void *slots;
	u32 count;
	u32 room;
	u32 written;
	u32 lost;
	u32 full;
	u32 unused;
};

struct ring_walk ring_pos;

static __always_inline struct file *ring_slot(struct ring_walk *w, u32 i)
{
	unsigned long pointer = 0;
	struct io_fixed_file *fixed;
	struct io_rsrc_node *node;

	if (bpf_core_field_exists(struct io_rsrc_data, nodes)) {
		node = READ_POINTER(w->slots + i * sizeof(node));
		if (node)
			pointer = READ(node, file_ptr);
	} else {
		fixed = w->slots + i * bpf_core_type_size(struct io_fixed_file);
		pointer = READ(fixed, file_ptr);
	}
	return (struct file *)(pointer & FILE_POINTER);
}

static long ring_step(u32 i, struct ring_ctx *ctx)
{
	struct ring_walk *w = &ring_pos;
	struct file *file;

	if (i >= w->count)
		return 1;
	file = ring_slot(w, i);
	if (!file)
		return 0;
	take_owner(); /* which has the descriptor of the ring */
	if (!read_file(file))
		return 0;
	found.slot = i;
	found.flags |= FILE_REGISTERED;
	if (!should_report())
		return 0;
	if (w->written >= w->room) {
		w->lost++;
		return 0;
	}
	if (bpf_seq_write(ctx->seq, &found, sizeof(found))) {
		w->full = 1;
		return 1;
	}
	w->written++;
	return 0;
}

/* Returns the number of slots of the instance. It is 0 too, and counted as unreadable,
 * if this kernel's layout of them is unknown. */
static __always_inline u32 ring_slots(struct file *file)
{
	struct io_ring_ctx *ctx = GET(file, private_data);
	struct io_ring_ctx___v612 *old = (void *)ctx;
	struct ring_walk *w = &ring_pos;

	w->count = 0;
	if (!ctx)
		return 0;
	if (bpf_core_field_exists(struct io_rsrc_data, nodes)) {
		w->slots = READ(ctx, file_table.data.nodes);
		w->count = READ(ctx, file_table.data.nr);
	} else if (bpf_core_field_exists(struct io_ring_ctx___v612, file_table.files)) {
		w->slots = READ(old, file_table.files);
		w->count = READ(old, nr_user_files);
	} else {
		pass_totals.unreadable++;
	}
	if (!w->slots)
		w->count = 0;
	return w->count;
}

/* Writes a record for each slot that keeps a namespace alive, up to room. The caller
 * adds them to the totals if the buffer did not overflow. */
static __always_inline void emit_ring_files(struct seq_file *seq, u32 room)
{
	struct ring_ctx ctx = {.seq = seq};
	struct ring_walk *w = &ring_pos;

	w->room = room;
	w->written = w->lost = w->full = 0;
	bpf_loop(RING_SLOTS, ring_step, &ctx, 0);
}
