/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of a task have in common, which of them are reported, and the programs that
 * see descriptors one by one. */
#pragma once

#include "file.h"
#include "subflows.h"

struct file_record owner; /* what the files of a task have in common */
const void *owner_task;

/* Sets owner to what files of owner_task have in common. A global function, as read_found,
 * as are all of these without an argument. */
__noinline int set_owner(void)
{
	struct task_struct *task = TYPED((struct task_struct *)owner_task);

	__builtin_memset(&owner, 0, sizeof(owner));
	owner.fd = owner.slot = -1;
	owner.born = born(task);
	owner.task_ns = GET(task, nsproxy, net_ns, ns.inum);
	owner.pid = reader_tgid(task);
	owner.tid = reader_tid(task);
	return 0;
}

/* Makes found a record of the owner, for read_file. */
__noinline int take_owner(void)
{
	__builtin_memcpy(&found, &owner, sizeof(found));
	return 0;
}

enum report {
	REPORT_NOT,
	REPORT,
	REPORT_OWN, /* for the account alone */
};

/* Returns whether found is to be emitted: a namespace file of a wanted type, a
 * socket or tun in another namespace than its task, or a socket in whose queue files
 * may be in flight; with options.account others too. Counts what is left out. */
__noinline int should_report(void)
{
	struct file_record *r = &found;

	if (r->kind == FILE_NSFS)
		return type_wanted(r->type) ? REPORT : REPORT_NOT;
	if (r->kind == FILE_DETACHED_MOUNT || r->kind == FILE_INOTIFY || r->kind == FILE_FANOTIFY)
		return REPORT;
	if (r->ns == r->task_ns && (r->kind != FILE_TUN || r->other_ns == r->ns || !r->other_ns))
		r->flags |= FILE_OWN_NS;
	if (!(r->flags & FILE_OWN_NS) || (r->flags & FILE_QUEUED) || opts.own_ns)
		return REPORT;
	if (opts.account && r->ns != initial_net)
		return REPORT_OWN;
	pass_totals.own_ns++;
	return REPORT_NOT;
}

/* A show call may write 32 KiB (8 pages, bpf_seq_read in kernel/bpf/bpf_iter.c). An
 * element that exceeds this is shown again with an empty buffer, and fails for good if
 * it exceeds that too. A program that writes several records for an element therefore
 * writes at most this many, and counts them only if the buffer did not overflow. */
#define SHOW_RECORDS (32768 / sizeof(struct file_record) - 2)

#include "rings.h"

enum ring_mode {
	RINGS_COUNT, /* as unreadable */
	RINGS_READ,
};

#ifndef USUAL

static __always_inline int visit_ring(struct seq_file *seq, struct file *file)
{
	if (!ring_slots(file))
		return 0;
	emit_ring_files(seq, SHOW_RECORDS);
	if (ring_pos.full)
		return 0;
	pass_totals.written += ring_pos.written;
	pass_totals.lost += ring_pos.lost;
	return 0;
}

static __always_inline int visit_file(struct seq_file *seq, struct task_struct *task,
				      struct file *file, s32 fd, enum ring_mode ring_mode)
{
	int is_ring;

	file = TYPED(file);
	is_ring = inode_magic(GET(file, f_inode)) == ANON_INODE_FS_MAGIC && is_io_uring(file);
	if (is_ring && ring_mode == RINGS_COUNT) {
		pass_totals.unreadable++;
		return 0;
	}
	owner_task = task;
	if (is_ring) {
		set_owner();
		owner.fd = fd;
		return visit_ring(seq, file);
	}
	__builtin_memset(&found, 0, sizeof(found));
	if (!read_file(file))
		return 0;
	set_owner();
	found.born = owner.born;
	found.pid = owner.pid;
	found.tid = owner.tid;
	found.fd = fd;
	found.slot = -1;
	found.task_ns = owner.task_ns;
	if (ring_mode == RINGS_READ) /* not before 5.17, which brought bpf_loop */
		add_subflows();
	if (should_report() && bpf_seq_write(seq, &found, sizeof(found)) == 0)
		pass_totals.written++;
	return 0;
}

static __always_inline int visit_fd(struct bpf_iter__task_file *ctx, enum ring_mode ring_mode)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file) {
		pass_totals.ended++;
		return 0;
	}
	start_iterator(ctx->meta);
	pass_totals.visited++;
	return visit_file(ctx->meta->seq, task, file, ctx->fd, ring_mode);
}

/* Shows each descriptor table once, with the process's leader, and again with each
 * thread that has a table of its own (task_seq_get_next with skip_if_dup_files, 5.11). */
SEC("iter/task_file")
int files(struct bpf_iter__task_file *ctx)
{
	return visit_fd(ctx, RINGS_READ);
}

/* The same for kernels without bpf_loop (before 5.17). */
SEC("iter/task_file")
int files_no_rings(struct bpf_iter__task_file *ctx)
{
	return visit_fd(ctx, RINGS_COUNT);
}

#endif /* USUAL */
