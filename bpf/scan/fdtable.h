/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Descriptors, table by table: what iter/task_file shows one by one takes five times
 * as long, most of it for the lookup of each file under a lock. A table with more
 * records than one show call can write ends in a FILE_TRUNCATED record, and user space
 * reads the rest of it with iter/task_file. */
#pragma once

#include "subflows.h"
#include "taskfiles.h"

#define MAX_FD_STEPS (1 << 23) /* BPF_MAX_LOOPS; fs.nr_open is 1 << 20 unless raised */

struct table_walk {
	struct file **fds;
	unsigned long *open;
	u32 max;
	u32 fd;
	u64 bits; /* open descriptors among the 64 around fd, shifted so that bit 0 is fd */
	u32 written;
	u32 lost;
	u32 full;
	s32 next; /* descriptor to continue at; -1 if none */
	struct own_record own;
	u32 packed; /* in own */
	u32 unused;
};

struct table_walk table_pos;

enum fd_result {
	FD_NOTHING,
	FD_RECORD,
	FD_RING,
	FD_OWN,
};

/* Fills found from one descriptor. No lock is taken, and a struct file may be
 * freed and reused while it is read: what was read is valid if the table still has the
 * same one afterwards (as __get_file_rcu, fs/file.c, does). A global function, which
 * the verifier checks once and not for every call. */
__attribute__((noinline)) int read_fd(u32 fd)
{
	struct table_walk *w = &table_pos;
	struct file *file = TYPED((struct file *)READ_POINTER(w->fds + fd));
	struct inode *inode = GET(file, f_inode);
	u64 magic = inode_magic(inode);

	if (magic == ANON_INODE_FS_MAGIC && is_io_uring(file))
		return ring_slots(file) ? FD_RING : FD_NOTHING;
	if (magic != NSFS_MAGIC && magic != SOCKFS_MAGIC && magic != PROC_SUPER_MAGIC &&
	    magic != ANON_INODE_FS_MAGIC && magic != BPF_FS_MAGIC && GET(inode, i_rdev) != TUN_RDEV &&
	    !is_dynamic_char(inode) && !(GET(file, f_mode) & FMODE_NEED_UNMOUNT))
		return FD_NOTHING;
	take_owner();
	if (!read_file(file))
		return FD_NOTHING;
	if (READ_POINTER(w->fds + fd) != file)
		return FD_NOTHING;
	found.fd = fd;
	add_subflows();
	switch (should_report()) {
	case REPORT:
		return FD_RECORD;
	case REPORT_OWN:
		return found.kind == FILE_SOCKET && !found.other_ns ? FD_OWN : FD_RECORD;
	}
	return FD_NOTHING;
}

__noinline int clear_own(void)
{
	__builtin_memset(&table_pos.own, 0, sizeof(table_pos.own));
	table_pos.packed = 0;
	return 0;
}

/* Adds an object to those that are packed, all of which are in one namespace, if there is
 * room for it. */
__noinline int add_own(u64 object)
{
	struct table_walk *w = &table_pos;
	u32 i = w->packed;

	if (i >= OWN_SOCKETS)
		return 0;
	w->own.kind = FILE_OWN_SOCKETS;
	w->own.ns = found.ns;
	w->own.object[i] = object;
	w->packed = i + 1;
	return 0;
}

/* Writes the sockets that were packed. */
static __noinline int flush_own(struct seq_file *seq)
{
	struct table_walk *w = &table_pos;

	w->written++;
	w->full = bpf_seq_write(seq, &w->own, sizeof(w->own)) != 0;
	clear_own();
	return w->full;
}

static __noinline int pack_own(struct seq_file *seq, u64 object)
{
	struct table_walk *w = &table_pos;

	if (w->packed == OWN_SOCKETS || (w->packed && w->own.ns != found.ns))
		if (flush_own(seq))
			return 1;
	add_own(object);
	return 0;
}

/* Writes the records of a descriptor; returns 1 if there is no room. */
static __noinline int emit_fd(struct seq_file *seq, u32 fd)
{
	struct table_walk *w = &table_pos;
	int result = read_fd(fd);

	if (result == FD_NOTHING)
		return 0;
	if (w->written >= SHOW_RECORDS - 4) /* three of packed sockets, and FILE_TRUNCATED */
		return 1;
	if (result == FD_OWN)
		return pack_own(seq, found.object) || (found.beside && pack_own(seq, found.beside));
	if (result == FD_RECORD) {
		w->written++;
		return w->full = bpf_seq_write(seq, &found, sizeof(found)) != 0;
	}
	if (w->written && ring_pos.count > SHOW_RECORDS - 4 - w->written)
		return 1;
	owner.fd = fd;
	emit_ring_files(seq, SHOW_RECORDS - 4 - w->written);
	w->written += ring_pos.written;
	w->lost += ring_pos.lost;
	return w->full = ring_pos.full;
}

struct table_ctx {
	struct seq_file *seq;
};

static long table_step(u32 step, struct table_ctx *ctx)
{
	struct table_walk *w = &table_pos;
	u32 fd = w->fd;

	if (fd >= w->max)
		return 1;
	if (fd % 64 == 0)
		bpf_probe_read_kernel(&w->bits, sizeof(w->bits), w->open + fd / 64);
	if (!w->bits) {
		w->fd = (fd | 63) + 1;
		return 0;
	}
	w->fd = fd + 1;
	if (w->bits & 1) {
		pass_totals.visited++;
		if (emit_fd(ctx->seq, fd)) {
			w->next = fd;
			return 1;
		}
	}
	w->bits >>= 1;
	return 0;
}

/* Reports whether a task is the leader or has another table than the leader, as
 * task_seq_get_next with skip_if_dup_files does. */
static __always_inline int has_own_table(struct task_struct *task, void *files)
{
	struct task_struct *leader = GET(task, group_leader);

	return leader == task || GET(leader, files) != files;
}

SEC("iter/task")
int fd_tables(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct table_walk *w = &table_pos;
	struct files_struct *files;
	struct table_ctx table_ctx;
	struct fdtable *table;
	struct seq_file *seq;

	if (!task) {
		pass_totals.ended++;
		return 0;
	}
	start_iterator(ctx->meta);
	task = TYPED(task);
	files = GET(task, files);
	if (!files || !has_own_table(task, files))
		return 0;
	table = GET(files, fdt);
	w->fds = GET(table, fd);
	w->open = GET(table, open_fds);
	w->max = GET(table, max_fds);
	w->fd = w->written = w->lost = w->full = 0;
	w->next = -1;
	clear_own();
	owner_task = task;
	set_owner();
	seq = ctx->meta->seq; /* once: see tasks */
	table_ctx.seq = seq;
	bpf_loop(MAX_FD_STEPS, table_step, &table_ctx, 0);
	if (w->full || (w->packed && flush_own(seq)))
		return 0;
	if (w->next < 0 && w->fd < w->max)
		w->next = w->fd;
	if (w->next >= 0) {
		owner.kind = FILE_TRUNCATED;
		owner.fd = w->next;
		w->written++;
		if (bpf_seq_write(seq, &owner, sizeof(owner)))
			return 0;
	}
	pass_totals.written += w->written;
	pass_totals.lost += w->lost;
	return 0;
}
