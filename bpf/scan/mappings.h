/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What processes have mapped whose descriptors may be closed: io_uring instances, with what is in
 * their slots, and sockets. The tree of a process's mappings (struct maple_tree, 6.1) is followed
 * without its lock, which the process may hold without end, and which iter/task_vma waits for. No
 * pointer is trusted, as in inflight.h. */
#pragma once

#include "requests.h"
#include "taskfiles.h"

#define TREE_DEPTH 8           /* a power of two; ten slots a node at least */
#define TREE_STEPS (1 << 20)   /* of one process, which has at most 65530 mappings unless the sysctl is changed */
#define TREE_NODE (~255UL)     /* MAPLE_NODE_MASK, include/linux/maple_tree.h, as what follows */
#define TREE_TYPE(node) ((node) >> 3 & 15)
#define TREE_RANGE 2           /* maple_range_64; those below are leaves */
#define TREE_ALLOCATION 3      /* maple_arange_64 */

/* A global as ring_walk is, which has the numbers of one instance. */
struct tree_walk {
	u64 nodes[TREE_DEPTH]; /* each with its type in its low bits */
	u32 slots[TREE_DEPTH]; /* the next one of each */
	u32 depth;             /* how many of them are in use */
	u32 written;
	u32 lost;
	u32 full;
	u64 mm;
	u64 last; /* the file before: one may be mapped in several parts */
};

struct tree_walk tree_pos;

#define FIELD_SIZE(type, field) __builtin_preserve_field_info(((type *)0)->field, 1)

/* Returns how many slots of a node are in use (ma_data_end, lib/maple_tree.c). What is in
 * those beyond is none of the tree's. */
static __always_inline u32 slots_of(void *node, u32 type)
{
	u32 pivots = FIELD_SIZE(struct maple_range_64, pivot) / sizeof(u64);
	void *last = node + bpf_core_field_offset(struct maple_range_64, pivot) + (pivots - 1) * sizeof(u64);

	if (type == TREE_ALLOCATION)
		return PROBE_READ((struct maple_arange_64 *)node, meta.end) + 1;
	if (read_number(last))
		return pivots + 1;
	return PROBE_READ((struct maple_range_64 *)node, meta.end) + 1; /* in place of the last slot */
}

static __always_inline u64 slot_at(void *node, u32 type, u32 slot)
{
	u64 offset = type == TREE_ALLOCATION ? bpf_core_field_offset(struct maple_arange_64, slot) :
					       bpf_core_field_offset(struct maple_range_64, slot);

	return read_number(node + offset + slot * sizeof(u64));
}

/* Makes found a record of the mapped socket. */
static __always_inline int emit_socket(struct seq_file *seq, struct tree_walk *w, struct file *file)
{
	take_owner();
	if (!read_file(file) || !should_report())
		return 0;
	if (w->written >= SHOW_RECORDS) {
		w->lost++;
		return 0;
	}
	w->full = bpf_seq_write(seq, &found, sizeof(found)) != 0;
	w->written++;
	return w->full;
}

static __always_inline int emit_mapped_ring(struct seq_file *seq, struct tree_walk *w, struct file *file)
{
	if (!ring_slots(file))
		return 0;
	emit_ring_files(seq, SHOW_RECORDS - w->written);
	w->written += ring_pos.written;
	w->lost += ring_pos.lost;
	w->full = ring_pos.full;
	return w->full != 0;
}

/* Shows what is mapped there. It is the process's mapping if it has its mm: the node may be
 * freed, and what it refers to. */
static __always_inline int mapping(struct seq_file *seq, struct tree_walk *w, u64 entry)
{
	struct vm_area_struct *vma = TYPED((struct vm_area_struct *)entry);
	struct file *file = GET(vma, vm_file);
	u64 magic;

	if (!file || (u64)file == w->last || (u64)GET(vma, vm_mm) != w->mm)
		return 0;
	w->last = (u64)file;
	file = TYPED(file);
	magic = inode_magic(GET(file, f_inode));
	if (magic != SOCKFS_MAGIC && (magic != ANON_INODE_FS_MAGIC || !is_io_uring(file)))
		return 0;
	set_owner();
	owner.location = GET(vma, vm_start);
	owner.flags = FILE_MAPPED;
	if (GET(vma, vm_file) != file)
		return 0;
	return magic == SOCKFS_MAGIC ? emit_socket(seq, w, file) : emit_mapped_ring(seq, w, file);
}

static long tree_step(u32 step, struct ring_ctx *ctx)
{
	struct tree_walk *w = &tree_pos;
	u32 at = w->depth - 1, type, slot;
	u64 node, entry;

	if (at >= TREE_DEPTH)
		return 1;
	node = w->nodes[at];
	type = TREE_TYPE(node);
	node &= TREE_NODE;
	slot = w->slots[at]++;
	if (slot >= slots_of((void *)node, type)) {
		w->depth = at;
		return 0;
	}
	entry = slot_at((void *)node, type, slot);
	if ((s64)entry >= 0) /* no address of the kernel: nothing is mapped there */
		return 0;
	if (type < TREE_RANGE)
		return mapping(ctx->seq, w, entry);
	if (++at >= TREE_DEPTH) {
		pass_totals.changed++;
		return 0;
	}
	w->nodes[at] = entry;
	w->slots[at] = 0;
	w->depth = at + 1;
	return 0;
}

/* Returns the mm of a process, with the first of its tasks that has it. */
static __always_inline struct mm_struct *mapped_by(struct task_struct *task)
{
	struct task_struct *leader = GET(task, group_leader);

	if (leader != task && GET(leader, mm))
		return NULL;
	return GET(task, mm);
}

SEC("iter/task")
int mappings(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct tree_walk *w = &tree_pos;
	struct ring_ctx ring_ctx;
	struct mm_struct *mm;
	u64 root;

	if (!task) {
		pass_totals.ended++;
		return 0;
	}
	start_iterator(ctx->meta);
	task = TYPED(task);
	mm = mapped_by(task);
	if (!mm || !bpf_core_field_exists(struct mm_struct, mm_mt))
		return 0;
	pass_totals.visited++;
	__builtin_memset(w, 0, sizeof(*w));
	root = (u64)READ(mm, mm_mt.ma_root);
	if ((root & 3) != 2) /* xa_is_node, include/linux/xarray.h */
		return 0;
	w->mm = (u64)mm;
	w->nodes[0] = root;
	w->depth = 1;
	owner_task = task;
	ring_ctx.seq = ctx->meta->seq;
	if (bpf_loop(TREE_STEPS, tree_step, &ring_ctx, 0) == TREE_STEPS)
		pass_totals.changed++;
	if (w->full)
		return 0;
	pass_totals.written += w->written;
	pass_totals.lost += w->lost;
	return 0;
}
