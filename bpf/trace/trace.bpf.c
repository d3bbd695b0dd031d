// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Records every setns, unshare and clone that moves a task between namespaces.
 *
 * The namespaces of the caller, and the file passed to setns, are read when the call
 * is entered: a moment later another thread may have closed the file. The namespaces
 * that it led to are read when it returns, or when the child was made, and then the
 * event is submitted.
 *
 * Needs Linux 5.8 (ring buffer); 6.2 for the object built with DIRECT. */
#include "hook.h"
#ifdef DIRECT
#include "slots.h"
#else
#include "saved.h"
#endif
#include "target.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile u32 entries_missed; /* a program at an entry may be skipped (preemptible, pkg/trace) */

u64 started SEC(".data.started"); /* when every program was attached, nanoseconds since boot; 0 before */
u32 current_level; /* result of read_level */

/* Never used: puts the types in the object's BTF, where bpf2go finds them. */
struct {
	enum call call;
	enum abi abi;
	enum via via;
	enum note note;
	enum fact fact;
	enum caller_note caller_note;
	enum filter_size filter_size;
	enum path_size size;
	enum ns_index index;
} *types_for_go;

/* ---- the hooks ---- */

/* Fills in what is known as a call is entered; 0 if it is not to be recorded. */
static __always_inline int fill_entry(struct scratch *s, struct task_struct *task)
{
	struct event *e = &s->event;

	if (!read_call(s, task) || !fill_caller(s, task))
		return 0;
	e->time = bpf_ktime_get_boot_ns();
	read_ns_set(&e->from, task);
	if (e->call == CALL_SETNS)
		read_target(s, task);
	return 1;
}

static __always_inline int enter_call(void *regs, u32 nr)
{
	struct task_struct *task = current_task();
	u32 id = GET(task, pid);
	struct scratch *s = begin(id, regs, nr);

	if (s)
		keep(id, s, fill_entry(s, task));
	return 0;
}

/* How long a call that began before the tracer may take to return. */
#define LONGEST_CALL 10000000000ULL /* nanoseconds */

/* Reports whether the call that a task returns from may have been entered before the
 * tracer started: not by a task that is younger, or of which a call was recorded since. */
static __always_inline int may_be_older(struct task_struct *task, u32 id)
{
	if (!started)
		return 1;
	if (READ(task, start_boottime) >= started || is_known(id))
		return 0;
	return bpf_ktime_get_boot_ns() - started < LONGEST_CALL;
}

/* Decides what a call was whose entry was not seen: 0 if a ptracer answered it. Ptracers
 * and seccomp filters come before the tracepoint (syscall_trace_enter,
 * kernel/entry/common.c, 6.18), and what either answers returns without an entry. */
static __always_inline u32 note_without_entry(struct task_struct *task, u32 id, s64 ret)
{
	if (missed || may_be_older(task, id) || (ret >= 0 && entries_missed))
		return NOTE_PARTIAL;
	if (is_emulated(task))
		return 0;
	if (READ(task, seccomp.mode))
		return NOTE_FILTERED;
	return entries_missed ? NOTE_PARTIAL : 0; /* a ptracer may have left since */
}

/* A call returns whose entry was not seen: it was entered before the tracer started, or
 * it was answered before the kernel looked at it. made is 1 if it is certain that the
 * kernel has made it. A clone returns in the child as well, with 0. */
__noinline int exit_without_entry(s64 ret, u32 made)
{
	struct task_struct *task = current_task();
	u32 id = GET(task, pid), filtered;
	struct scratch *s = new_scratch();
	struct event *e;

	if (!s)
		return 0;
	e = &s->event;
	if (!read_call_once() || e->note & NOTE_FLAGS_UNREAD)
		return 0;
	e->note = made ? NOTE_PARTIAL : note_without_entry(task, id, ret);
	filtered = e->note & NOTE_FILTERED;
	if (filtered && was_rolled_back(s, ret)) {
		e->note |= NOTE_KILLED;
		ret = -1;
	}
	if (!e->note || (e->call == CALL_CLONE && (ret == 0 || (ret > 0 && !filtered))))
		return 0;
	if (!fill_caller_once())
		return 0;
	e->time = bpf_ktime_get_boot_ns();
	e->ret = ret;
	if (ret < 0 || filtered) {
		read_ns_set(&e->from, task);
		if (e->call == CALL_SETNS)
			read_target_once();
	} else if (made || !READ(task, seccomp.mode)) { /* else it may have changed nothing */
		read_ns_set(&e->to, task);
	}
	submit(e);
	e->call = CALL_UNKNOWN;
	if (!made && !filtered) /* a later one is not older than the tracer */
		remember(id);
	return 0;
}

/* Reads the flags of a clone3 again as it fails: the kernel has made them resident. 0 if it
 * is not a traced call. */
static __always_inline int reread_flags(struct scratch *s, u32 nr)
{
	struct scratch *again = new_scratch();

	if (!again)
		return 0;
	again->regs = s->regs;
	again->nr = nr;
	if (!read_call_once() || again->event.note)
		return 0;
	s->event.flags = again->event.flags;
	s->event.note = 0;
	return 1;
}

static __always_inline int exit_call(void *regs, u32 nr, s64 ret, u32 made)
{
	struct task_struct *task = current_task();
	u32 id = GET(task, pid);
	struct scratch *s = last_event(id);
	struct event *e;
	u32 call;

	if (!s || !s->event.call)
		return set_call(regs, nr) ? exit_without_entry(ret, made) : 0;
	e = &s->event;
	call = call_by_number(nr & ~X32_BIT, &native);
	if (call != e->call && call_by_number(nr, &compat) != e->call) {
		/* the return of the saved call was missed, and counted as lost */
	} else if (e->call == CALL_CLONE && ret >= 0) {
		/* recorded by newtask, unless the flags have changed to none that is traced */
	} else if (!(e->note & NOTE_FLAGS_UNREAD) || reread_flags(s, nr)) {
		e->duration = bpf_ktime_get_boot_ns() - e->time;
		e->ret = ret;
		if (ret >= 0)
			read_ns_set(&e->to, task);
		else
			read_facts(e);
		submit_inline(e);
	}
	ended(id, s);
	return 0;
}

/* Run once with BPF_PROG_TEST_RUN, before the others are loaded. */
SEC("raw_tp")
int read_level(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	current_level = READ(task, thread_pid, level);
	return 0;
}

/* Tier 1: all system calls. Tier 2: the functions of the traced ones, with a copy of these
 * for each (fentry and fexit), or one kprobe for all. */
SEC("tp_btf/sys_enter")
int sys_enter(u64 *ctx)
{
	void *regs = call_regs(ctx);
	u32 nr = at_functions ? call_number(regs) : ctx[1];

	if (!at_functions && !is_traced(nr))
		return 0;
	return enter_call(regs, nr);
}

SEC("tp_btf/sys_exit")
int sys_exit(u64 *ctx)
{
	void *regs = call_regs(ctx);
	u32 nr = call_number(regs);

	if (!at_functions && !is_traced(nr))
		return 0;
	return exit_call(regs, nr, returned(ctx), at_functions);
}

/* A child was made by a call that was not a traced one when it was entered: another
 * thread has changed the arguments of clone3. */
static __always_inline struct event *clone_without_entry(struct task_struct *task)
{
	struct scratch *s = new_scratch();
	struct event *e;

	if (!s || !fill_caller_once())
		return NULL;
	e = &s->event;
	e->call = CALL_CLONE;
	e->abi = in_compat(task) ? ABI_COMPAT : ABI_NATIVE;
	e->fd = -1;
	e->note = NOTE_PARTIAL;
	e->time = bpf_ktime_get_boot_ns();
	read_ns_set(&e->from, task);
	return e;
}

/* The child was made and has not run yet, so that this event comes before its own. As a
 * kprobe it is at uprobe_copy_process, which copy_process calls next, with the same
 * arguments (kernel/fork.c, 6.18). */
SEC("tp_btf/task_newtask")
int newtask(u64 *ctx)
{
	struct task_struct *child = TYPED((struct task_struct *)argument(ctx, 0));
	struct task_struct *task = current_task();
	u32 tgid = GET(child, tgid), yes = 1;
	u64 flags = argument(ctx, 1);
	struct scratch *s;
	struct event *e;
	struct pid *pid;

	if (follow && (reader_tgid(task) == own_tgid || is_followed(task)) && tgid != GET(task, tgid))
		if (bpf_map_update_elem(&followed, &tgid, &yes, 0))
			count_lost(CALL_UNKNOWN);
	if (!(flags & NS_ALL_FLAGS))
		return 0;
	s = last_event(GET(task, pid));
	e = s ? &s->event : NULL;
	if (e && e->call == CALL_CLONE)
		e->duration = bpf_ktime_get_boot_ns() - e->time;
	else if (!(e = clone_without_entry(task)))
		return 0;
	e->flags = flags;
	pid = GET(child, thread_pid);
	e->child = reader_nr(pid);
	/* the caller gets the number in its own PID namespace (kernel_clone) */
	e->ret = READ(upid_at(pid, GET(task, thread_pid, level)), nr);
	read_ns_set(&e->to, child);
	e->note &= NOTE_PARTIAL;
	return submit(e);
}

/* As a kprobe it is at exit_files, which do_exit calls soon after the tracepoint; where
 * copy_process fails, it does so for a child, which has the number of its parent then. */
SEC("tp_btf/sched_process_exit")
int process_exit(u64 *ctx)
{
	struct task_struct *task = (void *)argument(ctx, 0);
	u32 tgid = READ(task, tgid);

	if (by_kprobe && (u64)task != bpf_get_current_task())
		return 0;
	forget(READ(task, pid));
	if (follow && READ(task, signal, live.counter) == 0) /* the last thread (do_exit, kernel/exit.c) */
		bpf_map_delete_elem(&followed, &tgid);
	return 0;
}
