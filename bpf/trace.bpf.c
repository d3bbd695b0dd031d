// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tells every setns, unshare and clone that moves a task between namespaces.
 *
 * What a call starts from, and which file it is given, is noted when it is
 * entered: a moment later another thread may have closed the file. Where it led
 * to is added when it returns, or when the child is there, and then it is sent.
 *
 * Needs Linux 5.8 (ring buffer); 6.2 for the object built with DIRECT. */
#include "ns.h"
#include "trace.h"

char licensed[] SEC("license") = "Dual BSD/GPL";

/* Set before loading, so that the verifier drops what is not asked for. */
const volatile struct numbers native, compat;
const volatile struct filter want;
const volatile u32 reader_level; /* of the reader's pid namespace, which is reader_pidns */
const volatile u32 reader_pidns;
const volatile u32 own; /* the reader's process */
const volatile u32 follow;
const volatile u32 wake_at; /* bytes unread at which the reader is woken */

u32 started; /* 1 once every hook is in place */
u32 level;   /* what whoami found */

/* Never used: puts the types in the object's BTF, where bpf2go finds them. */
struct {
	enum call call;
	enum abi abi;
	enum via via;
	enum note note;
	enum path_size size;
	enum ns_index index;
} *types_for_go;

struct {
	MAP_TYPE(RINGBUF);
	MAP_ENTRIES(16 << 20);
} events SEC(".maps");

/* The calls that have begun and not returned, by task. */
struct {
	MAP_TYPE(HASH);
	MAP_KEY(u32);
	MAP_VALUE(struct event);
	MAP_ENTRIES(8192);
} pending SEC(".maps");

/* One event a CPU, too large for the stack. */
struct {
	MAP_TYPE(PERCPU_ARRAY);
	MAP_KEY(u32);
	MAP_VALUE(struct event);
	MAP_ENTRIES(1);
} scratch SEC(".maps");

/* Calls of each kind that were not sent; it only grows. */
struct {
	MAP_TYPE(PERCPU_ARRAY);
	MAP_KEY(u32);
	MAP_VALUE(u64);
	MAP_ENTRIES(CALL_COUNT);
} lost SEC(".maps");

/* With follow: the processes that own has started, and theirs. */
struct {
	MAP_TYPE(HASH);
	MAP_KEY(u32);
	MAP_VALUE(u32);
	MAP_ENTRIES(16384);
} followed SEC(".maps");

#define NEW_FLAGS                                                                             \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |        \
	 CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)
#define CSIGNAL 0xff /* include/uapi/linux/sched.h */
#define X32_BIT 0x40000000 /* arch/x86/include/uapi/asm/unistd.h */
#define PIDFS_MAGIC 0x50494446 /* include/uapi/linux/magic.h */

static __always_inline void lose(u32 call)
{
	u64 *n = bpf_map_lookup_elem(&lost, &call);

	if (n)
		(*n)++;
}

/* ---- who ---- */

/* The number that the reader's pid namespace gives, 0 if it has none. */
static __always_inline u32 number_of(struct pid *pid)
{
	struct upid *upid;

	if (!pid || READ(pid, level) < reader_level)
		return 0;
	upid = at_level(pid, reader_level);
	if (reader_level && READ(READ(upid, ns), ns.inum) != reader_pidns)
		return 0;
	return READ(upid, nr);
}

static __always_inline u32 process(struct task_struct *task)
{
	if (!reader_level)
		return READ(task, tgid);
	return number_of(READ(READ(task, group_leader), thread_pid));
}

static __always_inline u32 thread(struct task_struct *task)
{
	if (!reader_level)
		return READ(task, pid);
	return number_of(READ(task, thread_pid));
}

static __always_inline int is_followed(struct task_struct *task)
{
	u32 tgid = READ(task, tgid);

	return bpf_map_lookup_elem(&followed, &tgid) != NULL;
}

static __always_inline int named(struct event *e)
{
	for (int i = 0; i < 16; i++) {
		if (e->comm[i] != want.name[i])
			return 0;
		if (!want.name[i])
			break;
	}
	return 1;
}

/* Fills who calls; 0 if nobody wants to know of her. */
static __always_inline int caller(struct event *e, struct task_struct *task)
{
	e->pid = process(task);
	if (e->pid == own && own)
		return 0;
	if (follow && !is_followed(task))
		return 0;
	e->tid = thread(task);
	if (want.pid && want.pid != e->pid && want.pid != e->tid)
		return 0;
	bpf_probe_read_kernel_str(e->comm, sizeof(e->comm), &task->comm);
	if (want.comm && !named(e))
		return 0;
	e->ppid = process(READ(task, real_parent));
	e->uid = READ(READ(task, cred), euid.val);
	return 1;
}

/* ---- where ---- */

static __always_inline void look(struct ns_set *set, struct task_struct *task)
{
	struct nsproxy *proxy = READ(task, nsproxy);
	struct net *net;

	if (!proxy) /* it has ended */
		return;
	net = READ(proxy, net_ns);
	set->net_cookie = cookie_of(net);
	set->inode[NS_NET] = READ(net, ns.inum);
	set->inode[NS_MNT] = READ(READ(proxy, mnt_ns), ns.inum);
	set->inode[NS_USER] = READ(READ(READ(task, cred), user_ns), ns.inum);
	set->inode[NS_PID] = READ(READ(proxy, pid_ns_for_children), ns.inum);
	set->inode[NS_IPC] = READ(READ(proxy, ipc_ns), ns.inum);
	set->inode[NS_UTS] = READ(READ(proxy, uts_ns), ns.inum);
	set->inode[NS_CGROUP] = READ(READ(proxy, cgroup_ns), ns.inum);
	set->inode[NS_TIME] = READ(READ(proxy, time_ns_for_children), ns.inum);
}

static __always_inline u32 index_of(u32 type)
{
	switch (type) {
	case CLONE_NEWNET: return NS_NET;
	case CLONE_NEWNS: return NS_MNT;
	case CLONE_NEWUSER: return NS_USER;
	case CLONE_NEWPID: return NS_PID;
	case CLONE_NEWIPC: return NS_IPC;
	case CLONE_NEWUTS: return NS_UTS;
	case CLONE_NEWCGROUP: return NS_CGROUP;
	case CLONE_NEWTIME: return NS_TIME;
	}
	return NS_TYPES;
}

static __always_inline u32 flag_of(u32 index)
{
	switch (index) {
	case NS_NET: return CLONE_NEWNET;
	case NS_MNT: return CLONE_NEWNS;
	case NS_USER: return CLONE_NEWUSER;
	case NS_PID: return CLONE_NEWPID;
	case NS_IPC: return CLONE_NEWIPC;
	case NS_UTS: return CLONE_NEWUTS;
	case NS_CGROUP: return CLONE_NEWCGROUP;
	case NS_TIME: return CLONE_NEWTIME;
	}
	return 0;
}

/* ---- by which file ---- */

/* Follows the mount point of a namespace file up to the root of the mount tree.
 * One opened in /proc/PID/ns is on the kernel's own mount of nsfs, which is its
 * own parent (and so is a mount that was unmounted): there is no path. */
static __always_inline void mount_point(struct event *e, struct file *file)
{
	struct vfsmount *vfs = READ(file, f_path.mnt);
	struct mount *mount = container(vfs, struct mount, mnt);
	struct dentry *dentry = READ(mount, mnt.mnt_root);
	struct mount *parent;
	u32 n = 0;

	for (int step = 0; step < PATH_PARTS + 6; step++) {
		if (dentry == READ(mount, mnt.mnt_root)) {
			parent = READ(mount, mnt_parent);
			if (parent == mount) {
				e->note |= NOTE_WHOLE;
				break;
			}
			dentry = READ(mount, mnt_mountpoint);
			mount = parent;
			continue;
		}
		if (n >= PATH_PARTS)
			break;
		bpf_probe_read_kernel_str(e->path[n & (PATH_PARTS - 1)], PATH_PART, READ(dentry, d_name.name));
		n++;
		dentry = READ(dentry, d_parent);
	}
	e->parts = n;
}

static __always_inline void target_ns(struct event *e, struct file *file, struct ns_common *ns)
{
	u32 i = index_of(type_of(ns));

	if (i >= NS_TYPES)
		return;
	e->type = i;
	e->target.inode[i] = READ(ns, inum);
	if (i == NS_NET)
		e->target.net_cookie = cookie_of(container(ns, struct net, ns));
	mount_point(e, file);
}

static __always_inline void target_pid(struct event *e, struct pid *pid)
{
	struct hlist_node *first = READ(pid, tasks[0].first);

	e->via_pid = number_of(pid);
	if (first) /* it has not been reaped */
		look(&e->target, container(first, struct task_struct, pid_links[0]));
}

/* A pidfd is a file of pidfs since Linux 6.9, an anonymous one before. */
static __always_inline int is_old_pidfd(struct file *file)
{
	char name[8] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), READ(READ(file, f_path.dentry), d_name.name));
	return name[0] == '[' && name[1] == 'p' && name[2] == 'i' && name[3] == 'd' &&
	       name[4] == 'f' && name[5] == 'd' && name[6] == ']';
}

static __noinline int target(struct event *e, struct files_struct *files)
{
	struct fdtable *fdt = READ(files, fdt);
	struct inode *inode;
	struct file *file;
	u64 magic;

	if (!e || (u32)e->fd >= READ(fdt, max_fds))
		return 0;
	file = POINTER_AT(READ(fdt, fd) + (u32)e->fd);
	if (!file)
		return 0;
	inode = READ(file, f_inode);
	magic = magic_of(inode);
	if (magic == NSFS_MAGIC) {
		e->via = VIA_NSFS;
		target_ns(e, file, READ(inode, i_private)); /* nsfs_init_inode, fs/nsfs.c */
	} else if (magic == PIDFS_MAGIC) {
		e->via = VIA_PIDFD;
		target_pid(e, READ(inode, i_private)); /* pidfd_pid, fs/pidfs.c */
	} else if (magic == ANON_INODE_FS_MAGIC && is_old_pidfd(file)) {
		e->via = VIA_PIDFD;
		target_pid(e, READ(file, private_data)); /* pidfd_create, kernel/fork.c */
	} else {
		e->via = VIA_OTHER;
	}
	return 0;
}

/* ---- which call ---- */

static __always_inline u32 among(u32 nr, const volatile struct numbers *n)
{
	if (nr == n->setns)
		return CALL_SETNS;
	if (nr == n->unshare)
		return CALL_UNSHARE;
	if (nr == n->clone || nr == n->clone3)
		return CALL_CLONE;
	return CALL_UNKNOWN;
}

/* What nearly every call is turned away by: a handful of comparisons. */
static __always_inline int may_matter(u32 nr)
{
	return among(nr & ~X32_BIT, &native) || among(nr, &compat);
}

/* Whether the task is in a 32-bit call: TS_COMPAT (arch/x86/include/asm/thread_info.h),
 * TIF_32BIT (arch/arm64/include/asm/thread_info.h). */
static __always_inline int in_compat(struct task_struct *task)
{
	if (has_field(struct pt_regs___x86, orig_ax))
		return READ(task, thread_info.status) & 2;
	return !!(READ(task, thread_info.flags) & (1 << 22));
}

struct args {
	u64 first, second;
};

/* The arguments are still there when the call returns, but for arm64's first,
 * which has a copy. */
static __always_inline void arguments(struct args *a, struct pt_regs___x86 *x86, u32 abi)
{
	struct pt_regs___arm64 *arm = (void *)x86;

	if (!has_field(struct pt_regs___x86, orig_ax)) {
		a->first = READ(arm, orig_x0);
		a->second = READ(arm, regs[1]);
	} else if (abi == ABI_COMPAT) {
		a->first = (u32)READ(x86, bx);
		a->second = (u32)READ(x86, cx);
	} else {
		a->first = READ(x86, di);
		a->second = READ(x86, si);
	}
}

static __always_inline u32 number_at_exit(struct pt_regs___x86 *x86)
{
	struct pt_regs___arm64 *arm = (void *)x86;

	if (has_field(struct pt_regs___x86, orig_ax))
		return READ(x86, orig_ax);
	return READ(arm, syscallno);
}

/* Fills which call it is and its arguments; 0 if it is none that matters. A
 * failed read of clone3's arguments leaves flags 0: the kernel has not read them
 * either. */
static __always_inline int call_of(struct event *e, struct task_struct *task, struct pt_regs___x86 *regs, u32 nr)
{
	struct args a = {};

	if (in_compat(task)) {
		e->abi = ABI_COMPAT;
		e->call = among(nr, &compat);
	} else {
		e->abi = nr & X32_BIT ? ABI_X32 : ABI_NATIVE;
		nr &= ~X32_BIT;
		e->call = among(nr, &native);
	}
	arguments(&a, regs, e->abi);
	e->fd = -1;
	switch (e->call) {
	case CALL_SETNS:
		e->fd = a.first;
		e->flags = (u32)a.second; /* an int */
		return 1;
	case CALL_UNSHARE:
		e->flags = a.first;
		return 1;
	case CALL_CLONE:
		if (nr == (e->abi == ABI_COMPAT ? compat.clone3 : native.clone3))
			bpf_probe_read_user(&e->flags, sizeof(e->flags), (void *)a.first);
		else
			e->flags = (u32)a.first & ~CSIGNAL; /* kernel/fork.c, clone */
		return 1;
	}
	return 0;
}

/* ---- sending ---- */

/* What is before the path of an event: all of it where there is no path. */
#define HEAD __builtin_offsetof(struct event, path)

static __always_inline int in_set(struct ns_set *s)
{
	if (s->inode[NS_NET] == want.ns_inode)
		return !want.ns_cookie || !s->net_cookie || s->net_cookie == want.ns_cookie;
	if (want.ns_cookie)
		return 0;
	for (int i = 1; i < NS_TYPES; i++)
		if (s->inode[i] == want.ns_inode)
			return 1;
	return 0;
}

static __always_inline int wanted(struct event *e)
{
	u64 about = e->flags & NEW_FLAGS;

	if (e->via == VIA_NSFS)
		about |= flag_of(e->type);
	if (want.flags && !(want.flags & about))
		return 0;
	if (want.failed && e->ret >= 0)
		return 0;
	if (want.ns_inode && !in_set(&e->from) && !in_set(&e->to) && !in_set(&e->target))
		return 0;
	return 1;
}

/* Waking the reader costs more than all else here: it is woken when much is
 * unread, and looks by itself often enough for a person. */
static __noinline int send(struct event *e)
{
	u64 unread, size, wake;

	if (!e || !wanted(e))
		return 0;
	size = e->parts ? sizeof(*e) : HEAD;
	unread = bpf_ringbuf_query(&events, 0); /* BPF_RB_AVAIL_DATA */
	wake = unread < wake_at && unread + size >= wake_at ? 2 : 1; /* BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP */
	if (bpf_ringbuf_output(&events, e, size, wake))
		lose(e->call);
	return 0;
}

static __always_inline struct event *blank(void)
{
	u32 zero = 0;
	struct event *e = bpf_map_lookup_elem(&scratch, &zero);

	if (e)
		__builtin_memset(e, 0, HEAD);
	return e;
}

/* ---- the hooks ---- */

static __always_inline int entered(struct pt_regs___x86 *regs, u32 nr)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 id = READ(task, pid);
	struct event *e = blank();

	if (!e || !call_of(e, task, regs, nr))
		return 0;
	if (e->call == CALL_CLONE && !(e->flags & NEW_FLAGS))
		return 0;
	if (!caller(e, task))
		return 0;
	e->time = bpf_ktime_get_boot_ns();
	look(&e->from, task);
	if (e->call == CALL_SETNS)
		target(e, READ(task, files));
	if (bpf_map_update_elem(&pending, &id, e, 0))
		lose(e->call);
	return 0;
}

/* A call that returns and was not seen to begin: it began before the tracer did,
 * or a seccomp filter refused it (syscall_trace_enter, kernel/entry/common.c, runs
 * those before the tracepoint). A clone returns in the child as well. */
static __noinline int returned_only(struct pt_regs___x86 *regs, struct task_struct *task, s64 ret)
{
	struct event *e = blank();

	if (!e || !call_of(e, task, regs, number_at_exit(regs)))
		return 0;
	if (e->call == CALL_CLONE && (ret >= 0 || !(e->flags & NEW_FLAGS)))
		return 0;
	if (!caller(e, task))
		return 0;
	e->time = bpf_ktime_get_boot_ns();
	e->ret = ret;
	e->note = NOTE_PARTIAL;
	if (ret < 0) {
		look(&e->from, task);
		if (started && READ(task, seccomp.mode))
			e->note = NOTE_REFUSED;
		if (e->call == CALL_SETNS)
			target(e, READ(task, files));
	} else {
		look(&e->to, task);
	}
	return send(e);
}

static __always_inline int returned(struct pt_regs___x86 *regs, u32 nr, s64 ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 id = READ(task, pid);
	struct event *e = bpf_map_lookup_elem(&pending, &id);
	u32 call;

	if (!e)
		return returned_only(regs, task, ret);
	call = among(nr & ~X32_BIT, &native);
	if (call == e->call || among(nr, &compat) == e->call) {
		e->took = bpf_ktime_get_boot_ns() - e->time;
		e->ret = ret;
		if (ret >= 0)
			look(&e->to, task);
		send(e);
	} /* else its own return was missed, and counted so */
	bpf_map_delete_elem(&pending, &id);
	return 0;
}

/* Run once by hand, before the others are loaded. */
SEC("raw_tp")
int whoami(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	level = READ(READ(task, thread_pid), level);
	return 0;
}

SEC("tp_btf/sys_enter")
int sys_enter(u64 *ctx)
{
	if (!may_matter(ctx[1]))
		return 0;
	return entered((void *)ctx[0], ctx[1]);
}

SEC("tp_btf/sys_exit")
int sys_exit(u64 *ctx)
{
	u32 nr = number_at_exit((void *)ctx[0]);

	if (!may_matter(nr))
		return 0;
	return returned((void *)ctx[0], nr, ctx[1]);
}

/* The child is there, and runs only after this: so its own calls come later. */
SEC("tp_btf/task_newtask")
int newtask(u64 *ctx)
{
	struct task_struct *child = (void *)ctx[0], *task = (void *)bpf_get_current_task();
	u32 id = READ(task, pid), tgid = READ(child, tgid), yes = 1;
	u64 flags = ctx[1];
	struct event *e;
	struct pid *pid;

	if (follow && (process(task) == own || is_followed(task)) && tgid != READ(task, tgid))
		if (bpf_map_update_elem(&followed, &tgid, &yes, 0))
			lose(CALL_UNKNOWN);
	if (!(flags & NEW_FLAGS))
		return 0;
	e = bpf_map_lookup_elem(&pending, &id);
	if (!e || e->call != CALL_CLONE)
		return 0;
	e->took = bpf_ktime_get_boot_ns() - e->time;
	e->flags = flags;
	pid = READ(child, thread_pid);
	e->child = number_of(pid);
	/* what the caller gets: the number in her own pid namespace (kernel_clone) */
	e->ret = READ(at_level(pid, READ(READ(task, thread_pid), level)), nr);
	look(&e->to, child);
	send(e);
	bpf_map_delete_elem(&pending, &id);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int process_exit(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	u32 tgid = READ(task, tgid);

	if (READ(READ(task, signal), live.counter) == 0) /* the last thread (do_exit, kernel/exit.c) */
		bpf_map_delete_elem(&followed, &tgid);
	return 0;
}
