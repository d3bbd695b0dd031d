/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the trace programs hand to user space. The Go side of each type is
 * generated from the compiled object (bpf2go -type), never written by hand.
 * Every size is a multiple of 8 and no record has hidden padding. */
#pragma once

#include "types.h"

enum call {
	CALL_UNKNOWN,
	CALL_SETNS,
	CALL_UNSHARE,
	CALL_CLONE, /* clone3 too */
	CALL_COUNT,
};

enum abi {
	ABI_NATIVE,
	ABI_COMPAT, /* 32-bit */
	ABI_X32,
};

enum via {
	VIA_NONE,
	VIA_NSFS,
	VIA_PIDFD,
	VIA_OTHER,
};

enum note {
	NOTE_PARTIAL = 1, /* its beginning was not seen */
	NOTE_REFUSED = 2, /* a filter refused it before it began */
	NOTE_WHOLE = 4,   /* path goes up to the root of its mount tree */
	NOTE_KILLED = 8,  /* refused by a signal: it returned nothing */
	NOTE_UNREAD = 16, /* not sent: flags were not in memory when it began */
};

/* Of a task, by type: inodes, 0 unknown. NS_PID and NS_TIME are those for its
 * children, as setns and unshare change no other. */
struct ns_set {
	u64 net_cookie; /* 0 where the kernel has none (before 5.12) */
	u32 inode[NS_TYPES];
};

enum path_size {
	PATH_NAME = 256, /* NAME_MAX and the 0 at its end */
	PATH_SIZE = 512,
};

struct event {
	u64 time; /* nanoseconds since boot, suspend included */
	u64 took; /* nanoseconds */
	u64 flags;
	s64 ret;
	struct ns_set from;
	struct ns_set to;
	struct ns_set target;
	u32 pid; /* as the reader's pid namespace numbers it; 0 if it does not */
	u32 tid;
	u32 ppid;
	u32 child;
	u32 uid; /* effective, as the initial user namespace numbers it */
	s32 fd;
	u32 via_pid;
	u8 call;
	u8 abi;
	u8 via;
	u8 note;
	u8 comm[16];
	u32 type;      /* index of the type that a namespace file is of */
	u32 path_size; /* how much of path follows */
	u8 path[PATH_SIZE]; /* names, each ended by a 0, from the last element upwards */
};

/* System call numbers of one ABI. */
struct numbers {
	u32 setns, unshare, clone, clone3;
};

/* Events that are wanted; 0 asks for all. */
struct filter {
	u64 flags; /* CLONE_NEW* of the types that the call is about */
	u64 ns_cookie;
	u32 ns_inode; /* before, after or target */
	u32 pid;      /* process or thread, as the reader's pid namespace numbers it */
	u32 failed;
	u32 comm; /* 1: only this name */
	u8 name[16];
};
