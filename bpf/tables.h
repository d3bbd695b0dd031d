/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Descriptors, table by table: what iter/task_file shows one by one, at a fifth
 * of its time, most of which goes to looking each file up under a lock. A table
 * with more to tell than one show call can write ends in a FILE_MORE record, and
 * user space reads the rest of it with iter/task_file. */
#pragma once

#include "rings.h"

#define FD_TURNS (1 << 23) /* BPF_MAX_LOOPS; fs.nr_open is 1 << 20 unless raised */

struct table_walk {
	struct task_struct *task;
	struct file **fds;
	unsigned long *open;
	u32 max;
	u32 fd;
	u64 bits; /* of the 64 descriptors around fd, those not looked at yet */
	u32 written;
	u32 lost;
	u32 full;
	s32 more; /* descriptor to go on from; -1 if none */
	struct file_rec who;
	struct file_rec out;
};

struct table_walk table_at;

enum look {
	LOOK_NOTHING,
	LOOK_RECORD,
	LOOK_RING,
};

/* Fills table_at.out from one descriptor. A struct file may be freed and be used
 * again while it is read, as nothing is locked: what was read counts if the table
 * still has the same one then (__get_file_rcu, fs/file.c, does it likewise). A
 * global function, which the verifier sees once and not for every call. */
__attribute__((noinline)) int look(u32 fd)
{
	struct table_walk *w = &table_at;
	struct file *file = POINTER_AT(w->fds + fd);
	struct inode *inode = READ(file, f_inode);
	u64 magic = magic_of(inode);

	if (magic == ANON_INODE_FS_MAGIC)
		return is_ring(file) && ring_slots(file) ? LOOK_RING : LOOK_NOTHING;
	if (magic != NSFS_MAGIC && magic != SOCKFS_MAGIC && READ(inode, i_rdev) != TUN_RDEV &&
	    !(READ(file, f_mode) & FMODE_NEED_UNMOUNT))
		return LOOK_NOTHING;
	__builtin_memcpy(&w->out, &w->who, sizeof(w->out));
	if (!held(&w->out, file, inode, magic))
		return LOOK_NOTHING;
	if (POINTER_AT(w->fds + fd) != file)
		return LOOK_NOTHING;
	w->out.fd = fd;
	return tells(&w->out) ? LOOK_RECORD : LOOK_NOTHING;
}

/* Writes what the descriptor keeps; not 0 if there is no room. */
static __noinline int tell(struct seq_file *seq, u32 fd)
{
	struct table_walk *w = &table_at;
	int what = look(fd);
	struct file_rec ring;

	if (what == LOOK_NOTHING)
		return 0;
	if (w->written >= SHOW_RECORDS - 1)
		return 1;
	if (what == LOOK_RECORD) {
		w->written++;
		return w->full = bpf_seq_write(seq, &w->out, sizeof(w->out)) != 0;
	}
	if (w->written && ring_at.count > SHOW_RECORDS - 1 - w->written)
		return 1;
	ring = w->who;
	ring.fd = fd;
	ring_files(seq, &ring, SHOW_RECORDS - 1 - w->written);
	w->written += ring_at.written;
	w->lost += ring_at.lost;
	return w->full = ring_at.full;
}

struct table_seen {
	struct seq_file *seq;
};

static long table_step(u32 turn, struct table_seen *seen)
{
	struct table_walk *w = &table_at;
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
		total.shown++;
		if (tell(seen->seq, fd)) {
			w->more = fd;
			return 1;
		}
	}
	w->bits >>= 1;
	return 0;
}

/* As skip_if_dup_files does: a thread with its process's table is left out. */
static __always_inline int other_table(struct task_struct *task, void *files)
{
	struct task_struct *leader = READ(task, group_leader);

	return leader == task || READ(leader, files) != files;
}

SEC("iter/task")
int tables(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct table_walk *w = &table_at;
	struct files_struct *files;
	struct table_seen seen;
	struct fdtable *table;

	if (!task) {
		total.ended++;
		return 0;
	}
	note_reader(ctx->meta);
	files = READ(task, files);
	if (!files || !other_table(task, files))
		return 0;
	table = READ(files, fdt);
	w->fds = READ(table, fd);
	w->open = READ(table, open_fds);
	w->max = READ(table, max_fds);
	w->fd = w->written = w->lost = w->full = 0;
	w->more = -1;
	__builtin_memset(&w->who, 0, sizeof(w->who));
	describe(&w->who, task, -1, 0);
	seen.seq = ctx->meta->seq;
	bpf_loop(FD_TURNS, table_step, &seen, 0);
	if (w->full)
		return 0;
	if (w->more < 0 && w->fd < w->max)
		w->more = w->fd;
	if (w->more >= 0) {
		w->who.kind = FILE_MORE;
		w->who.fd = w->more;
		w->written++;
		if (bpf_seq_write(ctx->meta->seq, &w->who, sizeof(w->who)))
			return 0;
	}
	total.written += w->written;
	total.lost += w->lost;
	return 0;
}
