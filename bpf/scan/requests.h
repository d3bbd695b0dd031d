/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files of pending requests, whose descriptors may be closed: of io_uring those that wait for a
 * file to become ready, whatever they are to do then, and of aio polls. Each is found with the
 * task that made it, with which it ends (io_uring_cancel_generic, io_uring/io_uring.c; exit_aio,
 * fs/aio.c). No lock is taken and no pointer trusted, as in inflight.h. */
#pragma once

#include "taskfiles.h"

#define REQUEST_STEPS (1 << 18)
#define MAX_HASH_BITS 8   /* io_ring_ctx_alloc, io_uring/io_uring.c */
#define AIO_CONTEXTS 1024 /* of one process, which may have more */

struct request_walk request_pos;

/* What was written for the task. */
struct request_totals {
	u32 written;
	u32 lost;
	u32 full;
	u32 unused;
};

struct request_totals request_totals;

static __always_inline u64 file_references(struct file *file)
{
	if (bpf_core_field_exists(struct file, f_ref))
		return GET(file, f_ref.refcnt.counter) + 1;
	return READ((struct file___v612 *)file, f_count.counter);
}

/* Writes a record of the file of a request, whose member for that is at place: if it is the same
 * afterwards, what was read is valid. A file with further references may be in a descriptor, as
 * most are: it is left out where half of the room is used. */
static __always_inline int emit_request(struct seq_file *seq, struct file **place, u32 flag)
{
	struct request_totals *t = &request_totals;
	struct file *file = READ_POINTER(place);
	int alone;

	if (!file)
		return 0;
	file = TYPED(file);
	alone = file_references(file) == 1;
	if (!alone && t->written >= SHOW_RECORDS / 2)
		return 0;
	take_owner();
	if (!read_file(file) || READ_POINTER(place) != file)
		return 0;
	found.flags |= flag;
	if (!should_report())
		return 0;
	if (t->written >= SHOW_RECORDS) {
		t->lost++;
		return 0;
	}
	t->full = bpf_seq_write(seq, &found, sizeof(found)) != 0;
	t->written++;
	return t->full != 0;
}

/* Starts with the next table of an io_uring instance. */
static __always_inline void start_request_table(struct request_walk *w)
{
	struct io_ring_ctx *ring = (void *)w->ring;
	struct io_ring_ctx___v612 *old = (void *)w->ring;
	u32 bits = 0, table = w->table++;

	w->hash = w->bucket = w->buckets = 0;
	if (table == 0 && bpf_core_field_exists(struct io_ring_ctx, cancel_table)) {
		w->hash = (u64)READ(ring, cancel_table.hbs);
		bits = READ(ring, cancel_table.hash_bits);
	} else if (table == 1 && bpf_core_field_exists(struct io_ring_ctx___v612, cancel_table_locked)) {
		w->hash = (u64)READ(old, cancel_table_locked.hbs);
		bits = READ(old, cancel_table_locked.hash_bits);
	} else if (table > 1) {
		w->ring = 0;
	}
	if (w->hash && bits <= MAX_HASH_BITS)
		w->buckets = 1 << bits;
}

/* Reads a pointer as a number, of which the verifier allows to look at single bits. */
static __always_inline u64 read_number(void *at)
{
	u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), at);
	return number;
}

/* Goes on in the xarray of the instances that the task has used: an entry is a node of the
 * xarray if its lowest bits are 10 (xa_is_node, include/linux/xarray.h). */
static __always_inline void instance_step(struct request_walk *w)
{
	struct xa_node *node = TYPED((struct xa_node *)w->node);
	u64 slots = __builtin_preserve_field_info(node->slots, 1) / sizeof(void *), entry;
	u32 slot = w->slot;

	if (slot >= slots) {
		w->slot = GET(node, offset) + 1;
		w->node = (u64)GET(node, parent);
		return;
	}
	entry = read_number((void *)node + bpf_core_field_offset(struct xa_node, slots) + slot * sizeof(void *));
	w->slot = slot + 1;
	if ((entry & 3) == 2 && entry > 4096) {
		w->node = entry - 2;
		w->slot = 0;
	} else if (entry && !(entry & 3)) {
		w->ring = (u64)READ((struct io_tctx_node *)entry, ctx);
		w->table = 0;
	}
}

static __always_inline int request_of(struct io_kiocb *request, struct request_walk *w)
{
	if (bpf_core_field_exists(struct io_kiocb, tctx))
		return (u64)READ(request, tctx) == w->tctx;
	return READ((struct io_kiocb___v612 *)request, task) == owner_task;
}

static long request_step(u32 step, struct ring_ctx *ctx)
{
	struct request_walk *w = &request_pos;
	struct io_kiocb *request;

	if (w->entry) {
		request = container_of((void *)w->entry, struct io_kiocb, hash_node);
		w->entry = (u64)READ(request, hash_node.next);
		return request_of(request, w) && emit_request(ctx->seq, &request->file, FILE_REQUEST);
	}
	if (w->bucket < w->buckets)
		w->entry = (u64)READ_POINTER((void *)w->hash + w->bucket++ * bpf_core_type_size(struct io_hash_bucket) +
					     bpf_core_field_offset(struct io_hash_bucket, list));
	else if (w->ring)
		start_request_table(w);
	else if (w->node)
		instance_step(w);
	else
		return 1;
	return 0;
}

static long aio_step(u32 step, struct ring_ctx *ctx)
{
	struct request_walk *w = &request_pos;
	struct kioctx_table *contexts = (void *)w->contexts;
	struct aio_kiocb *request;
	u32 i = w->context;
	u64 next;

	if (w->entry != w->head) {
		request = container_of((void *)w->entry, struct aio_kiocb, ki_list);
		next = (u64)READ(request, ki_list.next);
		w->entry = next && next != w->entry ? next : w->head; /* it has left the list */
		return emit_request(ctx->seq, &request->ki_filp, FILE_AIO);
	}
	if (i >= READ(contexts, nr) || i >= AIO_CONTEXTS)
		return 1;
	w->context = i + 1;
	w->head = (u64)READ_POINTER((void *)contexts + bpf_core_field_offset(struct kioctx_table, table) + i * sizeof(void *));
	if (w->head)
		w->head += bpf_core_field_offset(struct kioctx, active_reqs);
	w->entry = w->head ? (u64)READ((struct list_head *)w->head, next) : 0;
	return 0;
}

static __always_inline void start_requests(struct request_walk *w, struct task_struct *task)
{
	u64 head;

	__builtin_memset(w, 0, sizeof(*w));
	__builtin_memset(&request_totals, 0, sizeof(request_totals));
	if (bpf_core_field_exists(struct task_struct, io_uring) && bpf_core_field_exists(struct io_tctx_node, task))
		w->tctx = (u64)GET(task, io_uring);
	if (w->tctx) {
		head = read_number((void *)w->tctx + bpf_core_field_offset(struct io_uring_task, xa.xa_head));
		if ((head & 3) == 2)
			w->node = head - 2;
	}
	if (bpf_core_field_exists(struct mm_struct, ioctx_table) && GET(task, group_leader) == task)
		w->contexts = (u64)GET(task, mm, ioctx_table);
}

SEC("iter/task")
int requests(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct request_totals *t = &request_totals;
	struct request_walk *w = &request_pos;
	struct ring_ctx ring_ctx;
	long steps = 0, more = 0;

	if (!task) {
		pass_totals.ended++;
		return 0;
	}
	start_iterator(ctx->meta);
	task = TYPED(task);
	start_requests(w, task);
	if (!w->node && !w->contexts)
		return 0;
	pass_totals.visited++;
	owner_task = task;
	set_owner();
	ring_ctx.seq = ctx->meta->seq;
	if (w->node)
		steps = bpf_loop(REQUEST_STEPS, request_step, &ring_ctx, 0);
	w->entry = 0;
	if (w->contexts && !t->full)
		more = bpf_loop(REQUEST_STEPS, aio_step, &ring_ctx, 0);
	if (t->full)
		return 0;
	if (steps == REQUEST_STEPS || more == REQUEST_STEPS)
		pass_totals.changed++;
	pass_totals.written += t->written;
	pass_totals.lost += t->lost;
	return 0;
}
