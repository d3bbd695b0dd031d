/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the scan programs hand to user space. The Go side of each type is
 * generated from the compiled object (bpf2go -type), never written by hand.
 * Every size is a multiple of 8 and no record has hidden padding. */
#pragma once

#include "types.h"

enum task_flag {
	TASK_KTHREAD = 1, /* a thread of the kernel */
	TASK_EXITED = 2,  /* a zombie, or a dead leader whose threads live on */
	TASK_LEFT = 4,    /* has given up its namespaces (exit_task_namespaces) */
};

struct task_rec {
	u64 start;      /* nanoseconds since boot, suspend included */
	u64 net_cookie; /* 0 where the kernel has none (before 5.12) */
	u32 pid;        /* as the reader's pid namespace numbers it, like tid, ppid */
	u32 tid;
	u32 ppid; /* 0 if the parent is outside the reader's pid namespace */
	u32 uid;  /* real, as the initial user namespace numbers it */
	u32 flags;
	u32 unused;
	u32 ns[NS_COUNT]; /* inodes; 0 unknown or given up */
	u8 comm[16];
};

enum file_kind {
	FILE_NSFS = 1, /* a namespace file, whatever path opened it */
	FILE_SOCKET,
	FILE_TUN,
	FILE_TREE, /* a detached mount that is no namespace: see mounts.h */
	FILE_MORE, /* this table of descriptors has more, from fd on */
};

enum file_flag {
	FILE_PATH = 1,        /* opened with O_PATH */
	FILE_DETACHED = 2,    /* a mount by open_tree that no mount tree has */
	FILE_LISTENING = 4,   /* a unix socket that listens */
	FILE_QUEUED = 8,      /* a unix socket with something to receive */
	FILE_OWN = 16,        /* holds what its task is in, so adds nothing */
	FILE_REGISTERED = 32, /* sits in slot of the io_uring that fd or at is */
	FILE_EMBRYO = 64,     /* waits in a connection that nobody accepted, or is one */
	FILE_UNMOUNTED = 128, /* a mount in no mount tree */
};

/* One reference to a namespace that some file keeps, wherever the file is. */
struct file_rec {
	u64 cookie; /* of the network namespace kept; 0 if unknown or of another type */
	u64 socket; /* inode of the socket that the file is; 0 for others */
	u64 at;     /* mapped: address; in flight: inode of the socket it waits in; a mount:
		     * ID of the mount at the top of its tree */
	u32 pid;    /* 0 in flight */
	u32 tid;
	s32 fd;   /* -1 where no descriptor leads to it */
	s32 slot; /* -1 unless FILE_REGISTERED */
	u32 ns;   /* inode of the namespace kept */
	u32 type; /* CLONE_NEW* of that namespace */
	u32 task_ns;  /* network namespace the task is in */
	u32 other_ns; /* tun: where its device is; in flight: where the waiting socket is */
	u16 kind;
	u16 family;
	u16 socktype;
	u16 protocol;
	u32 flags;
	u8 device[16]; /* tun */
	u32 mount; /* ID of the mount that it is */
};

/* One network namespace on the kernel's own list. */
struct net_rec {
	u64 cookie;
	u64 address; /* for the programs only: names nothing to a user */
	u32 inode;
	s32 refs;   /* 0: dying */
	u32 userns; /* inode of the user namespace that owns it */
	u32 uid;    /* who made that one, as the initial user namespace numbers it */
};

/* What one pass did, so that nothing is lost unseen. */
struct totals {
	u64 shown;   /* elements that the kernel showed */
	u64 written; /* records handed over */
	u64 own;     /* sockets and tuns left out, as they keep what their task is in */
	u64 lost;    /* records that found no room */
	u64 blind;   /* io_uring instances this kernel gives no way to read */
	u64 torn;    /* chains that changed while they were followed */
	u64 ended;   /* 1 once the pass saw its end */
};

/* How far the walk over the namespaces came. */
enum walk_state {
	WALK_MORE,
	WALK_DONE,
	WALK_BROKEN, /* where it stood has gone: begin again */
};

struct net_walk {
	u64 last; /* struct net to go on after; 0 begins */
	u32 count;
	u32 state;
};

/* How far the walk over the queues of one batch of namespaces came. */
struct queue_walk {
	u64 sk, skb, fp; /* where it stands; 0 at none */
	u64 inode;       /* of sk */
	u32 nets, net;   /* how many in the batch, and which */
	u32 bucket;
	u32 sk_flags;
	u32 fd, left;   /* next in fp; messages left in the queue at most */
	u32 seen, skip; /* files of sk met so far, and how many user space has */
	u32 count;
	u32 state;
	u32 embryo; /* sk itself is still to be told */
	u32 unused;
};

/* The same for packet and XDP sockets that some process has mapped. */
struct map_walk {
	u64 sk, node; /* where it stands, in the list and in the socket's mappings */
	u32 nets, net;
	u32 list;
	u32 count;
	u32 state;
	u32 unused;
};

/* The same over the superblocks, and over the mounts of the one that is found. */
struct mount_walk {
	u64 sb, first; /* superblock looked at, 0 once found, and the first one that was */
	u64 mount;     /* mount looked at, once the superblock is found; 0 at the end */
	u64 head;      /* before 6.18: what ends the list of mounts */
	u32 count;
	u32 state;
};

enum batch_size {
	NETS = 32,
	QUEUED = 2048,
};

/* What a pass is asked for. */
struct wanted {
	u32 types; /* CLONE_NEW* of the namespaces to report; 0 for all */
	u32 own;   /* 1 reports FILE_OWN too */
};
