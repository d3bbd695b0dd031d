/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The io_uring instances that a task has registered with itself (IORING_REGISTER_RING_FDS,
 * 5.18), whose descriptors may be closed: what is in their slots is read as that of instances in
 * descriptors. */
#pragma once

#include "taskfiles.h"
#include "tasks.h"

/* A global as ring_walk is, which has the numbers of one instance. */
struct task_ring_walk {
	struct io_uring_task *tctx;
	u32 written;
	u32 lost;
};

struct task_ring_walk task_ring_pos;

static long task_ring_step(u32 i, struct ring_ctx *ctx)
{
	struct task_ring_walk *w = &task_ring_pos;
	struct file *file;

	file = READ_POINTER((void *)w->tctx + bpf_core_field_offset(struct io_uring_task, registered_rings) + i * sizeof(file));
	if (!file)
		return 0;
	file = TYPED(file);
	if (!is_io_uring(file) || !ring_slots(file))
		return 0;
	emit_ring_files(ctx->seq, SHOW_RECORDS - w->written);
	w->written += ring_pos.written;
	w->lost += ring_pos.lost;
	return ring_pos.full != 0;
}

SEC("iter/task")
int task_rings(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_ring_walk *w = &task_ring_pos;
	struct ring_ctx ring_ctx;

	if (!task) {
		pass_totals.ended++;
		return 0;
	}
	start_iterator(ctx->meta);
	if (!bpf_core_field_exists(struct task_struct, io_uring) ||
	    !bpf_core_field_exists(struct io_uring_task, registered_rings))
		return 0;
	task = TYPED(task);
	w->tctx = GET(task, io_uring);
	if (!w->tctx)
		return 0;
	pass_totals.visited++;
	w->written = w->lost = ring_pos.full = 0;
	owner_task = task;
	set_owner();
	ring_ctx.seq = ctx->meta->seq;
	bpf_loop(TASK_RINGS, task_ring_step, &ring_ctx, 0);
	if (ring_pos.full)
		return 0;
	pass_totals.written += w->written;
	pass_totals.lost += w->lost;
	return 0;
}
