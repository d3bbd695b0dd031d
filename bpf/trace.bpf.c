// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tells every setns, unshare and clone that moves a task between namespaces.
 *
 * What a call starts from, and which file it is given, is noted when it is
 * entered: a moment later another thread may have closed the file. Where it led
 * to is added when it returns, or when the child is there, and then it is sent.
 *
 * Needs Linux 5.8 (ring buffer); 6.2 for the object built with DIRECT. */
#include "call.h"
#include "target.h"

char licensed[] SEC("license") = "Dual BSD/GPL";

const volatile u32 follow;

u32 started SEC(".data.started"); /* 1 once every hook is in place */
u32 full;    /* 1 once a call that began found no room in pending, but in spilled */
u32 missed;  /* 1 once one found none there either */
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

/* The calls of tasks that found no room in pending, until they return. */
struct {
	MAP_TYPE(HASH);
	MAP_KEY(u32);
	MAP_VALUE(struct event);
	MAP_ENTRIES(1024);
} spilled SEC(".maps");

/* With follow: the processes that own has started, and theirs. */
struct {
	MAP_TYPE(HASH);
	MAP_KEY(u32);
	MAP_VALUE(u32);
	MAP_ENTRIES(16384);
} followed SEC(".maps");

/* ---- who ---- */

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

/* ---- the hooks ---- */

/* Keeps what is known of a call until it returns. A task's entry stays until the
 * task ends: to take it out and in again would cost more than all else here. Once
 * there are too many such tasks alive, those of others do not stay. */
static __always_inline long keep(u32 id, struct event *e)
{
	struct event *kept = bpf_map_lookup_elem(&pending, &id);
	u32 size = e->path_size;

	if (!kept) {
		if (!bpf_map_update_elem(&pending, &id, e, 0))
			return 0;
		full = 1;
		return bpf_map_update_elem(&spilled, &id, e, 0);
	}
	__builtin_memcpy(kept, e, HEAD);
	if (size > PATH_SIZE) /* a bound of another form is lost on 5.10's verifier */
		size = PATH_SIZE;
	bpf_probe_read_kernel(kept->path, size, e->path);
	return 0;
}

/* What was kept of the call that a task is in, NULL if nothing. */
static __always_inline struct event *kept(u32 id)
{
	struct event *e = bpf_map_lookup_elem(&pending, &id);

	if (!e && full)
		e = bpf_map_lookup_elem(&spilled, &id);
	return e && e->call ? e : NULL;
}

static __always_inline int entered(struct pt_regs___x86 *regs, u32 nr)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 id = READ(task, pid);
	struct event *e = blank();

	if (!e || !call_of(e, task, regs, nr) || !caller(e, task))
		return 0;
	e->time = bpf_ktime_get_boot_ns();
	look(&e->from, task);
	if (e->call == CALL_SETNS)
		target(e, READ(task, files));
	if (keep(id, e))
		missed = 1; /* its end will be told */
	return 0;
}

/* A filter that traps or kills has the call return what it was called with: no
 * call told here returns that (syscall_rollback, asm/syscall.h). */
static __always_inline int rolled_back(struct pt_regs___x86 *x86, s64 ret)
{
	struct pt_regs___arm64 *arm = (void *)x86;

	if (has_field(struct pt_regs___x86, orig_ax))
		return ret == READ(x86, orig_ax);
	return ret == READ(arm, orig_x0);
}

/* A call that returns and was not seen to begin: it began before the tracer did,
 * or a seccomp filter refused it (syscall_trace_enter, kernel/entry/common.c, runs
 * those before the tracepoint). A clone returns in the child as well. */
static __noinline int returned_only(struct pt_regs___x86 *regs, struct task_struct *task, s64 ret)
{
	struct event *e = blank();

	u32 filtered = started && !missed && READ(task, seccomp.mode);

	if (!e || !call_of(e, task, regs, number_at_exit(regs)) || e->note & NOTE_UNREAD)
		return 0;
	e->note = filtered && ret < 0 ? NOTE_REFUSED : NOTE_PARTIAL;
	if (filtered && rolled_back(regs, ret)) {
		e->note = NOTE_REFUSED | NOTE_KILLED;
		ret = -1;
	}
	if (e->call == CALL_CLONE && ret >= 0)
		return 0;
	if (!caller(e, task))
		return 0;
	e->time = bpf_ktime_get_boot_ns();
	e->ret = ret;
	if (ret < 0) {
		look(&e->from, task);
		if (e->call == CALL_SETNS)
			target(e, READ(task, files));
	} else {
		look(&e->to, task);
	}
	return send(e);
}

/* The kernel has by now brought in the flags of a clone3; 0 if it is none of ours. */
static __always_inline int read_again(struct event *e, struct task_struct *task, struct pt_regs___x86 *regs, u32 nr)
{
	e->note = 0;
	return call_of(e, task, regs, nr) && !e->note;
}

static __always_inline int returned(struct pt_regs___x86 *regs, u32 nr, s64 ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 id = READ(task, pid);
	struct event *e = kept(id);
	u32 call;

	if (!e)
		return returned_only(regs, task, ret);
	call = among(nr & ~X32_BIT, &native);
	if (call != e->call && among(nr, &compat) != e->call) {
		/* its own return was missed, and counted so */
	} else if (e->call == CALL_CLONE && ret >= 0) {
		/* told when the child was there, or the flags had changed to none of ours */
	} else if (!(e->note & NOTE_UNREAD) || read_again(e, task, regs, nr)) {
		e->took = bpf_ktime_get_boot_ns() - e->time;
		e->ret = ret;
		if (ret >= 0)
			look(&e->to, task);
		send(e);
	}
	e->call = CALL_UNKNOWN;
	if (full)
		bpf_map_delete_elem(&spilled, &id);
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

/* Tier 1: every call there is. */
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

/* Tier 2: the functions that are the calls, each with its own copy of these. */
SEC("fentry")
int call_entered(u64 *ctx)
{
	return entered((void *)ctx[0], number_at_exit((void *)ctx[0]));
}

SEC("fexit")
int call_returned(u64 *ctx)
{
	return returned((void *)ctx[0], number_at_exit((void *)ctx[0]), ctx[1]);
}

/* A child was made by a call that did not seem to be one of ours when it began:
 * another thread has changed what clone3 was given. */
static __always_inline struct event *made_only(struct task_struct *task)
{
	struct event *e = blank();

	if (!e || !caller(e, task))
		return NULL;
	e->call = CALL_CLONE;
	e->abi = in_compat(task) ? ABI_COMPAT : ABI_NATIVE;
	e->fd = -1;
	e->note = NOTE_PARTIAL;
	e->time = bpf_ktime_get_boot_ns();
	look(&e->from, task);
	return e;
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
	e = kept(id);
	if (e && e->call == CALL_CLONE)
		e->took = bpf_ktime_get_boot_ns() - e->time;
	else if (!(e = made_only(task)))
		return 0;
	e->flags = flags;
	pid = READ(child, thread_pid);
	e->child = number_of(pid);
	/* what the caller gets: the number in her own pid namespace (kernel_clone) */
	e->ret = READ(at_level(pid, READ(READ(task, thread_pid), level)), nr);
	look(&e->to, child);
	e->note &= NOTE_PARTIAL;
	return send(e);
}

SEC("tp_btf/sched_process_exit")
int process_exit(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	u32 id = READ(task, pid), tgid = READ(task, tgid);

	bpf_map_delete_elem(&pending, &id);
	if (follow && READ(READ(task, signal), live.counter) == 0) /* the last thread (do_exit, kernel/exit.c) */
		bpf_map_delete_elem(&followed, &tgid);
	return 0;
}
