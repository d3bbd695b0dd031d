/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The calls that are told, from their numbers to the buffer that the reader
 * reads. Nothing here looks into the kernel's structures. */
#pragma once

#include "trace.h"

/* Set before loading, so that the verifier drops what is not asked for. */
const volatile struct numbers native, compat;
const volatile struct filter want;
const volatile u32 reader_level; /* of the reader's pid namespace, which is reader_pidns */
const volatile u32 reader_pidns;
const volatile u32 own; /* the reader's process */
const volatile u32 wake_at; /* bytes unread at which the reader is woken */

u32 asleep SEC(".data.asleep"); /* 1 where the reader waits for the next event, however few are unread */

struct {
	MAP_TYPE(RINGBUF);
	MAP_ENTRIES(16 << 20);
} events SEC(".maps");

/* The calls that have begun and not returned, by task; call is CALL_UNKNOWN where
 * a task's has. */
struct {
	MAP_TYPE(HASH);
	MAP_KEY(u32);
	MAP_VALUE(struct event);
	MAP_ENTRIES(8192); /* 6 MiB */
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

#define NEW_FLAGS                                                                             \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |        \
	 CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)
#define CSIGNAL 0xff /* include/uapi/linux/sched.h */
#define X32_BIT 0x40000000 /* arch/x86/include/uapi/asm/unistd.h */

static __always_inline void lose(u32 call)
{
	u64 *n = bpf_map_lookup_elem(&lost, &call);

	if (n)
		(*n)++;
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

/* What is before the path of an event. */
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

/* Waking the reader costs more than all else here: it is woken when it has slept
 * for want of events, or much is unread. While they come it looks by itself, often
 * enough for a person. */
static __noinline int send(struct event *e)
{
	u64 unread, size, wake;

	if (!e || !wanted(e))
		return 0;
	size = e->path_size;
	if (size > PATH_SIZE)
		size = PATH_SIZE;
	size += HEAD;
	unread = bpf_ringbuf_query(&events, 0); /* BPF_RB_AVAIL_DATA */
	wake = 1; /* BPF_RB_NO_WAKEUP */
	if (asleep || (unread < wake_at && unread + size >= wake_at)) {
		wake = 2; /* BPF_RB_FORCE_WAKEUP */
		asleep = 0;
	}
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

