/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the trace programs and user space exchange. The Go side of each type is
 * generated from the compiled object (bpf2go -type), never written by hand.
 * Every size is a multiple of 8 and no record has hidden padding. */
#pragma once

#include "../common/types.h"

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
	NOTE_PARTIAL = 1,       /* the entry of the call was not seen */
	NOTE_FILTERED = 2,      /* a seccomp filter, or its supervisor, answered the call, which the kernel did not make */
	NOTE_FULL_PATH = 4,     /* path goes up to the root of its mount tree */
	NOTE_KILLED = 8,        /* filtered, and answered by a signal: it returned nothing */
	NOTE_FLAGS_UNREAD = 16, /* never in an event: flags were not in memory at entry */
};

/* What was found of a task as its call failed. */
enum fact {
	FACT_NO_ADMIN_THERE = 1, /* no CAP_SYS_ADMIN in the owner of the target */
	FACT_NO_ADMIN = 2,       /* no CAP_SYS_ADMIN in its own user namespace */
	FACT_NO_CHROOT = 4,      /* no CAP_SYS_CHROOT there */
	FACT_THREADS = 8,        /* its process has other threads */
	FACT_SHARED_FS = 16,     /* another task has its root and working directory */
	FACT_CHROOTED = 32,
	FACT_USER_DEPTH = 64, /* its user namespace is as deep as can be */
	FACT_PID_DEPTH = 128, /* the PID namespace of its children is */
};

/* The namespaces of a task by type: inodes, 0 if unknown. NS_PID and NS_TIME are
 * those for its children, as setns and unshare change no other. */
struct ns_set {
	u64 net_cookie; /* 0 where the kernel has none (before 5.12) */
	u32 inode[NS_TYPES];
};

enum caller_note {
	CALLER_ROOT = 1,     /* its real, effective and saved user are root in the initial user namespace, where it is */
	CALLER_UNLINKED = 2, /* its program has no name any more, or never had one */
};

/* What is known of a caller where that is asked for. A program is an inode and the
 * device of its superblock, encoded as the kernel does. */
struct caller {
	u64 program;
	u64 parent; /* the program of its parent */
	u64 cgroup; /* of cgroup v2, by inode */
	u64 cgroup_v1;
	u32 program_dev;
	u32 parent_dev;
	u32 note;
	u32 unused;
};

enum path_size {
	PATH_NAME = 256, /* NAME_MAX and the terminating 0 */
	PATH_SIZE = 512,
};

#define UID_UNKNOWN 0xffffffff /* the kernel's invalid UID */

struct event {
	u64 time;     /* nanoseconds since boot, suspend included */
	u64 duration; /* nanoseconds */
	u64 flags;
	s64 ret;
	struct ns_set from;
	struct ns_set to;
	struct ns_set target;
	struct caller caller;
	u32 pid; /* in the reader's PID namespace; 0 if it has no number there */
	u32 tid;
	u32 ppid;
	u32 child;
	u32 uid; /* effective, in the initial user namespace; UID_UNKNOWN if it is unknown */
	s32 fd;
	u32 via_pid;
	u8 call;
	u8 abi;
	u8 via;
	u8 note;
	u8 comm[16];
	u32 type;      /* index of the namespace file's type */
	u32 path_size; /* bytes of path that are used */
	u32 facts;
	u32 owner;   /* of setns: user namespace that owns the target, inode */
	u32 full;    /* limits that are reached: bits by enum ucount_type */
	u32 full_in; /* in this user namespace, inode */
	u8 path[PATH_SIZE]; /* names, each terminated by a 0, from the last element upwards */
};

/* System call numbers of one ABI. */
struct numbers {
	u32 setns, unshare, clone, clone3;
};

/* What the reader has in its memory while the programs run. It makes no bpf(2) call for
 * this: while a task is preempted in one, kprobes are skipped on that CPU
 * (bpf_disable_instrumentation, kernel/bpf/syscall.c). */
struct shared_state {
	u64 lost[CALL_COUNT]; /* events by call; never reset */
	u32 asleep;           /* 1 while the reader waits for the next event, however few are unread */
	u32 unused;
};

enum filter_size {
	FILTER_UIDS = 16,
};

/* Which events to record; a field that is 0 does not restrict them. */
struct filter {
	u64 flags; /* CLONE_NEW* of the types that the call affects */
	u64 ns_cookie;
	u32 ns_inode; /* before, after or target */
	u32 pid;      /* process or thread, in the reader's PID namespace */
	u32 failed;
	u32 comm; /* 1: only this name */
	u8 name[16];
	u32 uid_count;
	u32 unused;
	u32 uids[FILTER_UIDS]; /* effective users */
};
