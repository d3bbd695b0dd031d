// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tier 3: tells the same calls where the kernel does not tell its types. All that
 * is known then is what a system call is given and what it returns: where a task
 * is, user space asks /proc.
 *
 * Needs Linux 5.8 (ring buffer). */
#include "sending.h"

char licensed[] SEC("license") = "Dual BSD/GPL";

const volatile u32 arm64;
const volatile u64 pidns_dev; /* of the file that is reader_pidns */

struct bpf_pidns_info {
	u32 pid; /* of the thread */
	u32 tgid;
};

/* Helper numbers are UAPI, enum bpf_func_id in linux/bpf.h. */
static u64 (*bpf_get_current_pid_tgid)(void) = (void *)14;                                            /* 4.2 */
static u64 (*bpf_get_current_uid_gid)(void) = (void *)15;                                             /* 4.2 */
static long (*bpf_get_current_comm)(void *name, u32 size) = (void *)16;                               /* 4.2 */
static long (*bpf_get_ns_current_pid_tgid)(u64 dev, u64 ino, void *info, u32 size) = (void *)120; /* 5.7 */

/* The registers at a system call. struct pt_regs has been laid out so since
 * before BPF (arch/x86/include/asm/ptrace.h, arch/arm64/include/asm/ptrace.h). */
struct x86_regs {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs;
};
struct arm64_regs {
	u64 regs[31], sp, pc, pstate, orig_x0;
	s32 syscallno;
};
#define USER32_CS 0x23     /* arch/x86/include/asm/segment.h */
#define PSR_MODE32_BIT 0x10 /* arch/arm64/include/uapi/asm/ptrace.h */

static __always_inline u32 number_of(void *regs)
{
	struct arm64_regs *a = regs;
	struct x86_regs *x = regs;

	return arm64 ? (u32)PROBE(a, syscallno) : (u32)PROBE(x, orig_ax);
}

/* The arguments that matter. */
struct args {
	u64 first, second;
	u32 compat;
};

static __always_inline void read_args(struct args *r, void *regs)
{
	struct arm64_regs *a = regs;
	struct x86_regs *x = regs;

	if (arm64) {
		r->first = PROBE(a, orig_x0);
		r->second = PROBE(a, regs[1]);
		r->compat = !!(PROBE(a, pstate) & PSR_MODE32_BIT);
		return;
	}
	r->compat = PROBE(x, cs) == USER32_CS;
	r->first = r->compat ? (u32)PROBE(x, bx) : PROBE(x, di);
	r->second = r->compat ? (u32)PROBE(x, cx) : PROBE(x, si);
}

/* Fills who calls; 0 if nobody wants to know of her. */
static __always_inline int caller(struct event *e)
{
	struct bpf_pidns_info ids = {};
	u64 both = bpf_get_current_pid_tgid();

	if (!reader_level) {
		ids.tgid = both >> 32;
		ids.pid = both;
	} else { /* one that is not just in the reader's PID namespace has no number */
		bpf_get_ns_current_pid_tgid(pidns_dev, reader_pidns, &ids, sizeof(ids));
	}
	e->pid = ids.tgid;
	e->tid = ids.pid;
	if (e->pid == own && own)
		return 0;
	if (want.pid && want.pid != e->pid && want.pid != e->tid)
		return 0;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	if (want.comm && !named(e))
		return 0;
	e->uid = bpf_get_current_uid_gid(); /* the real one: no helper tells the other */
	return 1;
}

/* Fills which call it is; 0 if it is none that matters. */
static __always_inline int call_of(struct event *e, struct args *r, u32 nr)
{
	u32 clone3 = r->compat ? compat.clone3 : native.clone3;

	e->abi = r->compat ? ABI_COMPAT : nr & X32_BIT ? ABI_X32 : ABI_NATIVE;
	nr &= ~X32_BIT;
	e->call = r->compat ? among(nr, &compat) : among(nr, &native);
	e->fd = -1;
	switch (e->call) {
	case CALL_SETNS:
		e->fd = r->first;
		e->flags = (u32)r->second; /* an int */
		return 1;
	case CALL_UNSHARE:
		e->flags = r->first;
		return 1;
	case CALL_CLONE:
		if (nr != clone3)
			e->flags = (u32)r->first & ~CSIGNAL;
		else if (bpf_probe_read_user(&e->flags, sizeof(e->flags), (void *)r->first))
			e->note = NOTE_UNREAD; /* not in memory yet */
		return e->flags & NEW_FLAGS || e->note;
	}
	return 0;
}

SEC("raw_tp")
int plain_enter(u64 *ctx)
{
	u32 id = bpf_get_current_pid_tgid();
	struct args args = {};
	struct event *e;

	if (!may_matter(ctx[1]))
		return 0;
	e = blank();
	if (!e)
		return 0;
	read_args(&args, (void *)ctx[0]);
	if (!call_of(e, &args, ctx[1]) || !caller(e))
		return 0;
	e->time = bpf_ktime_get_boot_ns();
	if (bpf_map_update_elem(&pending, &id, e, 0))
		lose(e->call);
	return 0;
}

/* The kernel has by now brought in the flags of a clone3; 0 if it is none of ours. */
static __always_inline int read_again(struct event *e, void *regs, u32 nr)
{
	struct args args = {};

	e->note = 0;
	read_args(&args, regs);
	return call_of(e, &args, nr) && !e->note;
}

SEC("raw_tp")
int plain_exit(u64 *ctx)
{
	u32 id = bpf_get_current_pid_tgid();
	u32 nr = number_of((void *)ctx[0]);
	s64 ret = ctx[1];
	struct event *e;

	if (!may_matter(nr))
		return 0;
	e = bpf_map_lookup_elem(&pending, &id);
	if (!e)
		return 0;
	e->took = bpf_ktime_get_boot_ns() - e->time;
	e->ret = ret;
	if (e->call == CALL_CLONE && ret > 0)
		e->child = ret;
	if (!(e->note & NOTE_UNREAD) || read_again(e, (void *)ctx[0], nr))
		send(e);
	bpf_map_delete_elem(&pending, &id);
	return 0;
}
