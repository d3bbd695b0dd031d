/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every task, with the namespaces that it is in. */
#pragma once

#include "kernel.h"
#include "relations.h"

#define TASK_RINGS 16 /* IO_RINGFD_REG_MAX, io_uring/tctx.h */

static __always_inline void set_namespaces(struct nsproxy *proxy)
{
	struct task_record *r = &task_found;
	u32 types = types_wanted();

	r->net_cookie = read_nsproxy(r->ns, proxy, types);
	if (types & CLONE_NEWPID)
		r->ns[NS_PID_CHILDREN] = GET(proxy, pid_ns_for_children, ns.inum);
	if (!(types & CLONE_NEWTIME))
		return;
	r->ns[NS_TIME] = GET(proxy, time_ns, ns.inum);
	r->ns[NS_TIME_CHILDREN] = GET(proxy, time_ns_for_children, ns.inum);
}

/* Fills in the numbers of task_shown. A global function: the verifier then does not follow
 * what comes after for each way through it. */
__noinline int set_numbers(void)
{
	struct task_struct *task = TYPED((struct task_struct *)task_shown);

	task_found.pid = reader_tgid(task);
	task_found.tid = reader_tid(task);
	task_found.ppid = reader_tgid(GET(task, real_parent));
	return 0;
}

/* Fills in the namespaces of task_shown, which it has not given up. */
__noinline int set_proxy(void)
{
	set_namespaces(READ((struct task_struct *)task_shown, nsproxy));
	return 0;
}

/* Fills in whether task_shown, which uses io_uring, has registered instances with itself. */
__noinline int set_rings(void)
{
	void *tctx = GET(TYPED((struct task_struct *)task_shown), io_uring);
	u64 rings[TASK_RINGS], any = 0;
	u32 i;

	if (!bpf_core_field_exists(struct io_uring_task, registered_rings))
		return 0;
	bpf_probe_read_kernel(rings, sizeof(rings), tctx + bpf_core_field_offset(struct io_uring_task, registered_rings));
	for (i = 0; i < TASK_RINGS; i++)
		any |= rings[i];
	if (any)
		task_found.flags |= TASK_HAS_RINGS;
	return 0;
}

/* Fills in all of task_shown. The task is TYPED though the verifier has its type: for a
 * pointer loaded from a trusted one it searches the whole kernel's BTF by name, three times
 * (btf_nested_type_is_trusted, kernel/bpf/verifier.c, 6.4), which made loading 40 ms
 * slower. */
static __always_inline void fill_task(struct task_struct *task)
{
	struct task_record *r = &task_found;
	struct cred *cred;

	__builtin_memset(r, 0, sizeof(*r));
	set_numbers();
	task = TYPED(task);
	r->start = GET(task, start_boottime);
	r->born = born(task);
	bpf_probe_read_kernel(r->comm, sizeof(r->comm), &task->comm);
	r->nsproxy = (u64)GET(task, nsproxy);
	cred = GET(task, real_cred);
	r->uid = GET(cred, uid.val);
	if (GET(task, flags) & PF_KTHREAD)
		r->flags |= TASK_KTHREAD;
	if (GET(task, exit_state))
		r->flags |= TASK_EXITED;
	if (bpf_core_field_exists(struct task_struct, io_uring) && GET(task, io_uring))
		set_rings();
	if (type_wanted(CLONE_NEWPID))
		r->ns[NS_PID] = active_pid_ns(GET(task, thread_pid));
	if (type_wanted(CLONE_NEWUSER))
		r->ns[NS_USER] = GET(cred, user_ns, ns.inum);
	if (r->nsproxy)
		set_proxy();
	else
		r->flags |= TASK_LEFT;
}

SEC("iter/task")
int tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task) {
		task_totals.ended++;
		return 0;
	}
	start_iterator(ctx->meta);
	if (ctx->meta->seq_num == 0)
		related_proxy = NULL;
	task_shown = task;
	fill_task(task);
	if (WITH_RELATIONS)
		relate_task(task);
	if (bpf_seq_write(ctx->meta->seq, &task_found, sizeof(task_found)) == 0)
		task_totals.written++;
	return 0;
}
