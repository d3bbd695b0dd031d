// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reads who keeps which namespace alive, from inside the kernel. Nothing here
 * attaches to an event or takes a reference: a program runs while user space
 * reads from its iterator, or asks for one run, and at no other time.
 *
 * Needs Linux 5.8 (task iterators), 5.10 (a raw tracepoint program run by hand),
 * 5.12 (mappings), 5.17 (io_uring slots, whole tables of descriptors, mapped
 * sockets, detached mounts: bpf_loop), 6.0 (files in flight), 6.2 for the object built with DIRECT. */
#include "held.h"

char licensed[] SEC("license") = "Dual BSD/GPL";

struct totals total;
struct totals task_total; /* of the program tasks, which may run while another does */
struct wanted want;
u32 reader_level;

/* Never used: puts the types in the object's BTF, where bpf2go finds them. */
struct {
	struct task_rec task;
	struct file_rec file;
	enum ns_index index;
	enum task_flag task_flag;
	enum file_kind kind;
	enum file_flag file_flag;
	enum walk_state walk;
	enum batch_size batch;
} *types_for_go;

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */

static __always_inline int wants(u32 type)
{
	return !want.types || (want.types & type);
}

/* ---- tasks ---- */

/* Iterators show the tasks of the reader's pid namespace (task_seq_get_next in
 * kernel/bpf/task_iter.c), while a task has a number in every level above its own. */
static __always_inline void note_reader(struct bpf_iter_meta *meta)
{
	struct task_struct *reader = (void *)bpf_get_current_task();

	if (meta->seq_num == 0)
		reader_level = READ(READ(reader, thread_pid), level);
}

/* The number that the pid namespace of the reader gives, 0 if it has none. */
static __always_inline u32 number(struct task_struct *task)
{
	struct pid *pid = READ(task, thread_pid);

	if (!pid || READ(pid, level) < reader_level)
		return 0;
	return READ(at_level(pid, reader_level), nr);
}

static __always_inline u32 process(struct task_struct *task)
{
	return reader_level ? number(READ(task, group_leader)) : READ(task, tgid);
}

/* task_active_pid_ns, kernel/pid.c */
static __always_inline u32 active_pid_ns(struct task_struct *task)
{
	struct pid *pid = READ(task, thread_pid);

	if (!pid) /* reaped */
		return 0;
	return READ(READ(at_level(pid, READ(pid, level)), ns), ns.inum);
}

static __always_inline void namespaces(struct task_rec *r, struct nsproxy *proxy)
{
	struct net *net = READ(proxy, net_ns);

	r->ns[NS_NET] = READ(net, ns.inum);
	r->net_cookie = cookie_of(net);
#define INODE(index, flag, field)                                                             \
	if (wants(flag))                                                                      \
		r->ns[index] = READ(READ(proxy, field), ns.inum);
	INODE(NS_MNT, CLONE_NEWNS, mnt_ns)
	INODE(NS_IPC, CLONE_NEWIPC, ipc_ns)
	INODE(NS_UTS, CLONE_NEWUTS, uts_ns)
	INODE(NS_CGROUP, CLONE_NEWCGROUP, cgroup_ns)
	INODE(NS_TIME, CLONE_NEWTIME, time_ns)
	INODE(NS_PID_CHILDREN, CLONE_NEWPID, pid_ns_for_children)
	INODE(NS_TIME_CHILDREN, CLONE_NEWTIME, time_ns_for_children)
#undef INODE
}

/* Pointers are read with READ though the verifier knows the task already: for one
 * loaded from a trusted pointer it searches the whole kernel's BTF by name, three
 * times (btf_nested_type_is_trusted, kernel/bpf/verifier.c, 6.4), and loading took
 * 40 ms longer so. */
SEC("iter/task")
int tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_rec r = {};
	struct nsproxy *proxy;
	struct cred *cred;

	if (!task) {
		task_total.ended++;
		return 0;
	}
	note_reader(ctx->meta);
	r.pid = reader_level ? process(task) : task->tgid;
	r.tid = reader_level ? number(task) : task->pid;
	r.ppid = process(READ(task, real_parent));
	r.start = task->start_boottime;
	if (task->flags & PF_KTHREAD)
		r.flags |= TASK_KTHREAD;
	if (task->exit_state)
		r.flags |= TASK_EXITED;
	proxy = READ(task, nsproxy);
	if (proxy)
		namespaces(&r, proxy);
	else
		r.flags |= TASK_LEFT;
	if (wants(CLONE_NEWPID))
		r.ns[NS_PID] = active_pid_ns(task);
	cred = READ(task, real_cred);
	r.uid = READ(cred, uid.val);
	if (wants(CLONE_NEWUSER))
		r.ns[NS_USER] = READ(READ(cred, user_ns), ns.inum);
	bpf_probe_read_kernel(r.comm, sizeof(r.comm), &task->comm);
	if (bpf_seq_write(ctx->meta->seq, &r, sizeof(r)) == 0)
		task_total.written++;
	return 0;
}

/* ---- files: descriptors and mappings ---- */

static __always_inline void describe(struct file_rec *r, struct task_struct *task, s32 fd, u64 at)
{
	r->pid = reader_level ? process(task) : task->tgid;
	r->tid = reader_level ? number(task) : task->pid;
	r->fd = fd;
	r->at = at;
	r->slot = -1;
	r->task_ns = READ(READ(READ(task, nsproxy), net_ns), ns.inum);
}

/* Whether the record says something: a namespace file of a type asked for, or a
 * socket or tun that keeps another namespace than its task is in, or leads to
 * files in flight. */
static __always_inline int tells(struct file_rec *r)
{
	if (r->kind == FILE_NSFS)
		return wants(r->type);
	if (r->kind == FILE_TREE)
		return 1;
	if (r->ns == r->task_ns && (r->kind != FILE_TUN || r->other_ns == r->ns || !r->other_ns))
		r->flags |= FILE_OWN;
	if (!(r->flags & FILE_OWN) || (r->flags & FILE_QUEUED) || want.own)
		return 1;
	total.own++;
	return 0;
}

/* A show call may write 32 KiB (8 pages, bpf_seq_read in kernel/bpf/bpf_iter.c).
 * What goes over is shown again in an empty buffer, and fails for good if it is
 * over there too. So whoever writes more than one record writes no more than
 * this, and counts what it wrote only where the buffer did not overflow. */
#define SHOW_RECORDS (32768 / sizeof(struct file_rec) - 2)

#include "rings.h"

enum see_rings {
	RINGS_BLIND, /* count them */
	RINGS_READ,
	RINGS_PASS,
};

static __always_inline int visit(struct seq_file *seq, struct task_struct *task,
				 struct file *file, s32 fd, u64 at, enum see_rings see_rings)
{
	struct inode *inode = READ(file, f_inode);
	u64 magic = magic_of(inode);
	struct file_rec r = {};

	if (magic == ANON_INODE_FS_MAGIC && is_ring(file)) {
		if (see_rings == RINGS_PASS)
			return 0;
		if (see_rings == RINGS_BLIND) {
			total.blind++;
			return 0;
		}
		if (!ring_slots(file))
			return 0;
		describe(&r, task, fd, at);
		ring_files(seq, &r, SHOW_RECORDS);
		if (ring_at.full)
			return 0;
		total.written += ring_at.written;
		total.lost += ring_at.lost;
		return 0;
	}
	if (!held(&r, file, inode, magic))
		return 0;
	describe(&r, task, fd, at);
	if (tells(&r) && bpf_seq_write(seq, &r, sizeof(r)) == 0)
		total.written++;
	return 0;
}

static __always_inline int visit_fd(struct bpf_iter__task_file *ctx, enum see_rings see_rings)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file) {
		total.ended++;
		return 0;
	}
	note_reader(ctx->meta);
	total.shown++;
	return visit(ctx->meta->seq, task, file, ctx->fd, 0, see_rings);
}

/* Shows each table of descriptors once, by its process's leader, and again for
 * each thread that has a table of its own (task_seq_get_next with
 * skip_if_dup_files, 5.11). */
SEC("iter/task_file")
int files(struct bpf_iter__task_file *ctx)
{
	return visit_fd(ctx, RINGS_READ);
}

/* The same for kernels without bpf_loop (before 5.17). */
SEC("iter/task_file")
int files_only(struct bpf_iter__task_file *ctx)
{
	return visit_fd(ctx, RINGS_BLIND);
}

static __always_inline int visit_vma(struct bpf_iter__task_vma *ctx, enum see_rings see_rings)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct file *file;

	if (!task || !vma) {
		total.ended++;
		return 0;
	}
	note_reader(ctx->meta);
	total.shown++;
	file = READ(vma, vm_file);
	if (!file)
		return 0;
	/* io_uring instances are mapped in parts, at offsets: the first part tells. */
	if (READ(vma, vm_pgoff))
		see_rings = RINGS_PASS;
	return visit(ctx->meta->seq, task, file, -1, READ(vma, vm_start), see_rings);
}

/* What a descriptor opened stays mapped after the descriptor is closed: packet
 * rings above all (packet_mmap, net/packet/af_packet.c). */
SEC("iter/task_vma")
int vmas(struct bpf_iter__task_vma *ctx)
{
	return visit_vma(ctx, RINGS_READ);
}

/* The same for kernels without bpf_loop (before 5.17). */
SEC("iter/task_vma")
int vmas_only(struct bpf_iter__task_vma *ctx)
{
	return visit_vma(ctx, RINGS_BLIND);
}

#include "tables.h"
#include "nets.h"
#include "queues.h"
#include "mapped.h"
#include "mounts.h"
