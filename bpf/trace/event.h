/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Traced calls, from their numbers to the ring buffer that the reader reads. Nothing
 * here needs a kernel type. */
#pragma once

#include "trace.h"

/* Set before loading, so that the verifier removes the code that is not used. */
const volatile struct numbers native, compat;
const volatile struct filter event_filter;
const volatile u32 reader_level; /* of the reader's PID namespace, which is reader_pidns */
const volatile u32 reader_pidns;
const volatile u32 own_tgid; /* the reader's process, which is not traced */
const volatile u32 wakeup_threshold; /* unread bytes at which the reader is woken */

struct shared_state shared SEC(".data.shared");

struct {
	MAP_TYPE(RINGBUF);
	MAP_ENTRIES(16 << 20);
} events SEC(".maps");

/* An event, too large for the stack, and where reading the path of its file has come to. */
struct scratch {
	struct event event;
	u64 mount, dentry; /* pointers to them */
	u64 regs;          /* pointer to the registers of the call */
	u32 nr;            /* of the call */
	u32 task;          /* in slots: that has it; 0 if none has */
	u64 user_ns, counts; /* pointers to one, and to what it counts */
};

/* One a CPU. Every program that is loaded gets a map
 * of its own (ownScratch, pkg/trace): a task can be preempted inside a program, and
 * then other programs run on the CPU. */
struct {
	MAP_TYPE(PERCPU_ARRAY);
	MAP_KEY(u32);
	MAP_VALUE(struct scratch);
	MAP_ENTRIES(1);
} scratch SEC(".maps");

#define CSIGNAL 0xff /* include/uapi/linux/sched.h */
#define X32_BIT 0x40000000 /* arch/x86/include/uapi/asm/unistd.h */

static __always_inline void count_lost(u32 call)
{
	if (call < CALL_COUNT) /* other programs count here too */
		__sync_fetch_and_add(&shared.lost[call], 1);
}

static __always_inline u32 call_by_number(u32 nr, const volatile struct numbers *n)
{
	if (nr == n->setns)
		return CALL_SETNS;
	if (nr == n->unshare)
		return CALL_UNSHARE;
	if (nr == n->clone || nr == n->clone3)
		return CALL_CLONE;
	return CALL_UNKNOWN;
}

/* Rejects nearly every call with a few comparisons. */
static __always_inline int is_traced(u32 nr)
{
	return call_by_number(nr & ~X32_BIT, &native) || call_by_number(nr, &compat);
}

struct args {
	u64 first, second;
	u32 compat; /* a 32-bit call */
};

/* Fills in the call and its arguments; 0 if it is not a traced one. If the memory
 * with the flags of clone3 is not resident yet, the event has NOTE_FLAGS_UNREAD. */
static __always_inline int identify_call(struct event *e, struct args *a, u32 nr)
{
	u32 clone3 = a->compat ? compat.clone3 : native.clone3;

	e->abi = a->compat ? ABI_COMPAT : nr & X32_BIT ? ABI_X32 : ABI_NATIVE;
	if (!a->compat)
		nr &= ~X32_BIT;
	e->call = a->compat ? call_by_number(nr, &compat) : call_by_number(nr, &native);
	e->fd = -1;
	switch (e->call) {
	case CALL_SETNS:
		e->fd = a->first;
		e->flags = (u32)a->second; /* an int */
		return 1;
	case CALL_UNSHARE:
		e->flags = a->first;
		return 1;
	case CALL_CLONE:
		if (nr != clone3)
			e->flags = (u32)a->first & ~CSIGNAL; /* kernel/fork.c, clone */
		else if (bpf_probe_read_user(&e->flags, sizeof(e->flags), (void *)a->first))
			e->note = NOTE_FLAGS_UNREAD;
		return e->flags & NS_ALL_FLAGS || e->note;
	}
	return 0;
}

/* ---- filters: those of the caller, and those of the whole event ---- */

static __always_inline int is_own(struct event *e)
{
	return own_tgid && e->pid == own_tgid;
}

static __always_inline int pid_matches(struct event *e)
{
	return !event_filter.pid || event_filter.pid == e->pid || event_filter.pid == e->tid;
}

static __always_inline int comm_matches(struct event *e)
{
	if (!event_filter.comm)
		return 1;
	for (int i = 0; i < 16; i++) {
		if (e->comm[i] != event_filter.name[i])
			return 0;
		if (!event_filter.name[i])
			break;
	}
	return 1;
}

static __always_inline int uid_matches(struct event *e)
{
	int found = 0;

	if (!event_filter.uid_count)
		return 1;
	for (int i = 0; i < FILTER_UIDS; i++)
		if (i < event_filter.uid_count && e->uid == event_filter.uids[i])
			found = 1;
	return found;
}

static __always_inline int in_ns_set(struct ns_set *s)
{
	if (s->inode[NS_NET] == event_filter.ns_inode)
		return !event_filter.ns_cookie || !s->net_cookie || s->net_cookie == event_filter.ns_cookie;
	if (event_filter.ns_cookie)
		return 0;
	for (int i = 1; i < NS_TYPES; i++)
		if (s->inode[i] == event_filter.ns_inode)
			return 1;
	return 0;
}

/* A signal came before the call was done. Once it is handled the kernel calls again, or the
 * program gets EINTR (arch_do_signal_or_restart, arch/x86/kernel/signal.c, 6.18). The numbers
 * are ERESTARTSYS to ERESTART_RESTARTBLOCK (include/linux/errno.h), among which 515 is none. */
static __always_inline int was_interrupted(struct event *e)
{
	return e->ret <= -512 && e->ret >= -516 && e->ret != -515;
}

static __always_inline int passes_filter(struct event *e)
{
	u64 types = e->flags & NS_ALL_FLAGS;

	if (e->via == VIA_NSFS)
		types |= ns_flag(e->type);
	if (event_filter.flags && !(event_filter.flags & types))
		return 0;
	if (event_filter.failed && (e->ret >= 0 || was_interrupted(e)))
		return 0;
	if (event_filter.ns_inode && !in_ns_set(&e->from) && !in_ns_set(&e->to) && !in_ns_set(&e->target))
		return 0;
	return 1;
}

/* ---- output ---- */

/* The size of an event without its path. */
#define EVENT_HEADER __builtin_offsetof(struct event, path)

/* Puts an event into the ring buffer, an error if that has no room. */
static __always_inline long output(struct event *e, u64 size, u64 wake)
{
#ifdef DIRECT
	struct event *record;

	if (size == EVENT_HEADER) { /* nearly all: copied here in half the time of the helper */
		record = bpf_ringbuf_reserve(&events, EVENT_HEADER, 0);
		if (!record)
			return -1;
		__builtin_memcpy(record, e, EVENT_HEADER);
		bpf_ringbuf_submit(record, wake);
		return 0;
	}
#endif
	return bpf_ringbuf_output(&events, e, size, wake);
}

/* Waking the reader costs more than all else here: it is woken if it sleeps because
 * there were no events, or if much is unread. While events arrive it polls, often
 * enough for a person. */
static __always_inline int submit_inline(struct event *e)
{
	u64 unread, size, wake;

	if (!e || !passes_filter(e))
		return 0;
	size = e->path_size;
	if (size > PATH_SIZE)
		size = PATH_SIZE;
	size += EVENT_HEADER;
	unread = bpf_ringbuf_query(&events, 0); /* BPF_RB_AVAIL_DATA */
	wake = 1; /* BPF_RB_NO_WAKEUP */
	if (shared.asleep || (unread < wakeup_threshold && unread + size >= wakeup_threshold)) {
		wake = 2; /* BPF_RB_FORCE_WAKEUP */
		shared.asleep = 0;
	}
	if (output(e, size, wake))
		count_lost(e->call);
	return 0;
}

/* A global function with a pointer as its argument takes Linux 5.12. */
#ifdef DIRECT
__noinline
#else
static __noinline
#endif
int submit(struct event *e) { return submit_inline(e); }

static __always_inline struct scratch *my_scratch(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

/* Returns the scratch with an empty event. */
static __always_inline struct scratch *new_scratch(void)
{
	struct scratch *s = my_scratch();

	if (s)
		__builtin_memset(&s->event, 0, EVENT_HEADER);
	return s;
}
