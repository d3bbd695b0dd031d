// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tier 3: records the same calls on kernels without BTF. Only the arguments and the
 * return value of a call are known then: user space reads the namespaces of a task
 * from /proc.
 *
 * Needs Linux 5.8 (ring buffer). */
#include "event.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile u32 arm64;
const volatile u64 pidns_dev; /* device of the nsfs file with inode reader_pidns */

/* The calls that have been entered and not returned, by task. */
struct {
	MAP_TYPE(HASH);
	MAP_KEY(u32);
	MAP_VALUE(struct event);
	MAP_ENTRIES(8192); /* 6 MiB */
} pending SEC(".maps");

struct bpf_pidns_info {
	u32 pid; /* of the thread */
	u32 tgid;
};

/* Helper numbers are UAPI, enum bpf_func_id in linux/bpf.h. */
static u64 (*bpf_get_current_pid_tgid)(void) = (void *)14;                                            /* 4.2 */
static long (*bpf_get_current_comm)(void *name, u32 size) = (void *)16;                               /* 4.2 */
static long (*bpf_get_ns_current_pid_tgid)(u64 dev, u64 ino, void *info, u32 size) = (void *)120; /* 5.7 */

/* The registers at a system call. struct pt_regs has had this layout since before
 * BPF (arch/x86/include/asm/ptrace.h, arch/arm64/include/asm/ptrace.h). */
struct x86_regs {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs;
};
struct arm64_regs {
	u64 regs[31], sp, pc, pstate, orig_x0;
	s32 syscallno;
};
#define USER32_CS 0x23     /* arch/x86/include/asm/segment.h */
#define PSR_MODE32_BIT 0x10 /* arch/arm64/include/uapi/asm/ptrace.h */

static __always_inline u32 call_number(void *regs)
{
	struct arm64_regs *a = regs;
	struct x86_regs *x = regs;

	return arm64 ? (u32)PROBE_READ(a, syscallno) : (u32)PROBE_READ(x, orig_ax);
}

static __always_inline void read_args(struct args *r, void *regs)
{
	struct arm64_regs *a = regs;
	struct x86_regs *x = regs;

	if (arm64) {
		r->first = PROBE_READ(a, orig_x0);
		r->second = PROBE_READ(a, regs[1]);
		r->compat = !!(PROBE_READ(a, pstate) & PSR_MODE32_BIT);
		return;
	}
	r->compat = PROBE_READ(x, cs) == USER32_CS;
	r->first = r->compat ? (u32)PROBE_READ(x, bx) : PROBE_READ(x, di);
	r->second = r->compat ? (u32)PROBE_READ(x, cx) : PROBE_READ(x, si);
}

/* Fills in the caller's numbers in the reader's PID namespace; 0 if it is in another one,
 * even one below the reader's. */
static __always_inline int read_ids(struct bpf_pidns_info *ids)
{
	return !bpf_get_ns_current_pid_tgid(pidns_dev, reader_pidns, ids, sizeof(*ids));
}

/* Fills in the caller; 0 if a filter excludes it. */
static __always_inline int fill_caller(struct event *e)
{
	struct bpf_pidns_info ids = {};
	u64 both = bpf_get_current_pid_tgid();

	if (!reader_level) {
		ids.tgid = both >> 32;
		ids.pid = both;
	} else {
		read_ids(&ids);
	}
	e->pid = ids.tgid;
	e->tid = ids.pid;
	if (is_own(e))
		return 0;
	if (!pid_matches(e))
		return 0;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	if (!comm_matches(e))
		return 0;
	e->uid = UID_UNKNOWN; /* no helper returns the effective one */
	return 1;
}

SEC("raw_tp")
int plain_enter(u64 *ctx)
{
	u32 id = bpf_get_current_pid_tgid();
	struct args args = {};
	struct scratch *s;
	struct event *e;

	if (!is_traced(ctx[1]))
		return 0;
	s = new_scratch();
	if (!s)
		return 0;
	e = &s->event;
	read_args(&args, (void *)ctx[0]);
	if (!identify_call(e, &args, ctx[1]) || !fill_caller(e))
		return 0;
	e->time = bpf_ktime_get_boot_ns();
	if (bpf_map_update_elem(&pending, &id, e, 0))
		count_lost(e->call);
	return 0;
}

/* Reads the flags of a clone3 again at its return: the kernel has made them resident.
 * 0 if it is not a traced call. */
static __always_inline int reread_flags(struct event *e, void *regs, u32 nr)
{
	struct args args = {};

	e->note = 0;
	read_args(&args, regs);
	return identify_call(e, &args, nr) && !e->note;
}

SEC("raw_tp")
int plain_exit(u64 *ctx)
{
	u32 id = bpf_get_current_pid_tgid();
	u32 nr = call_number((void *)ctx[0]);
	struct bpf_pidns_info ids = {};
	s64 ret = ctx[1];
	struct event *e;

	if (!is_traced(nr))
		return 0;
	e = bpf_map_lookup_elem(&pending, &id);
	if (!e)
		return 0;
	e->duration = bpf_ktime_get_boot_ns() - e->time;
	e->ret = ret;
	if (e->call == CALL_CLONE && ret > 0 && read_ids(&ids)) /* else it is a number of another namespace */
		e->child = ret;
	if (!(e->note & NOTE_FLAGS_UNREAD) || reread_flags(e, (void *)ctx[0], nr))
		submit(e);
	bpf_map_delete_elem(&pending, &id);
	return 0;
}
