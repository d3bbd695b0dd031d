/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the scan programs and user space exchange. The Go side of each type is
 * generated from the compiled object (bpf2go -type), never written by hand.
 * Every size is a multiple of 8 and no record has hidden padding. */
#pragma once

#include "../common/types.h"

enum task_flag {
	TASK_KTHREAD = 1, /* a kernel thread */
	TASK_EXITED = 2,  /* a zombie, or an exited leader of threads that run */
	TASK_LEFT = 4,    /* has given up its namespaces (exit_task_namespaces) */
	TASK_HAS_RINGS = 8, /* has registered io_uring instances with itself */
};

struct task_record {
	u64 start;      /* of the thread: nanoseconds since boot, suspend included */
	u64 born;       /* of its process, as field 22 of /proc/PID/stat has it for the reader */
	u64 net_cookie; /* 0 where the kernel has none (before 5.12) */
	u64 nsproxy;    /* its address, as identity: user space does not show it */
	u32 pid;        /* in the reader's PID namespace, as are tid and ppid */
	u32 tid;
	u32 ppid; /* 0 if the parent is outside the reader's PID namespace */
	u32 uid;  /* real, in the initial user namespace */
	u32 flags;
	u32 unused;
	u32 ns[NS_COUNT]; /* inodes; 0 if unknown or given up */
	u8 comm[16];
};

enum file_kind {
	FILE_NSFS = 1, /* a namespace file, whatever path opened it */
	FILE_SOCKET,
	FILE_TUN, /* of /dev/net/tun or, for macvtap and ipvtap, /dev/tapN */
	FILE_DETACHED_MOUNT, /* of another file system than nsfs: see mounts.h */
	FILE_PROC_NET,       /* of /proc/PID/net */
	FILE_FS_CONTEXT,     /* of fsopen */
	FILE_BPF_ITER,       /* a BPF iterator over what is in one network namespace */
	FILE_INOTIFY,        /* of no namespace itself, with options.account */
	FILE_FANOTIFY,
	FILE_OWN_SOCKETS,    /* no file: an own_record, with which options.account packs sockets */
	FILE_TRUNCATED,      /* no file: the descriptor table continues at fd */
};

enum file_flag {
	FILE_O_PATH = 1,      /* opened with O_PATH */
	FILE_DETACHED = 2,    /* a detached mount of nsfs (open_tree) */
	FILE_LISTENING = 4,   /* a listening unix socket */
	FILE_QUEUED = 8,      /* a unix socket with messages in its receive queue */
	FILE_OWN_NS = 16,     /* refers to the namespace that its task is in */
	FILE_REGISTERED = 32, /* in a slot of the io_uring that fd or location is */
	FILE_EMBRYO = 64,     /* in a connection that was not accepted, or is one */
	FILE_UNMOUNTED = 128, /* an unmounted mount that is still in use */
	FILE_SENDER = 256,    /* a closed socket: what it sent is in the receive queue at location */
	FILE_REQUEST = 512,   /* of a pending request of io_uring */
	FILE_AIO = 1024,      /* of one of aio */
	FILE_MAPPED = 2048,   /* mapped, or in a slot of an io_uring that is */
	FILE_PEER = 4096,     /* a closed socket: that at fd is connected to it */
};

/* One reference from a file to a namespace, wherever the file is. */
struct file_record {
	u64 object;   /* address of what holds, as identity: a socket has several descriptors.
		       * User space does not show it. */
	u64 beside;   /* what it keeps that has a reference too: of an nsfs file a mount, if
		       * only such files keep that one; of a unix socket its peer */
	u64 cookie;   /* of the network namespace; 0 if unknown or of another type */
	u64 socket;   /* inode of the socket that the file is; 0 for others */
	u64 born;     /* when the process started, as in task_record; 0 in flight */
	u64 location; /* mapped: address; in flight: inode of the socket that it is queued
		       * in; a mount: ID of the mount at the root of its tree */
	u32 pid;      /* 0 in flight */
	u32 tid;
	s32 fd;   /* -1 if no descriptor refers to it */
	s32 slot; /* -1 unless FILE_REGISTERED */
	u32 ns;   /* inode of the namespace */
	u32 type; /* CLONE_NEW* of the namespace */
	u32 task_ns;  /* network namespace of the task */
	u32 other_ns; /* tun: of its device; in flight: of the socket that it is queued in;
		       * a listening inet socket: how many connections it has to accept; an
		       * MPTCP socket: how many references its subflows have;
		       * closing: the peer's port, as it is sent */
	u16 kind;
	u16 family;
	u16 socktype;
	u16 protocol;
	u32 flags;
	u8 device[16]; /* tun: its device, if it is known; closing: the peer's address */
	u32 mount; /* mount ID; closing: the state of the connection */
};

enum own_size {
	OWN_SOCKETS = 8,
};

/* Sockets of one process in its own network namespace: in place of a file_record, whose
 * fields ns and kind it has. */
struct own_record {
	u64 object[OWN_SOCKETS]; /* 0 where there are fewer */
	u32 ns;
	u32 unused[3];
	u16 kind; /* FILE_OWN_SOCKETS */
	u16 unused2[3];
	u32 unused3[6];
};

/* One network namespace on the kernel's own list. */
struct net_record {
	u64 cookie;
	u64 address; /* for the programs only: user space does not show it */
	u32 inode;
	s32 refs;   /* 0: dying */
	s32 opened; /* references to its nsfs file by open files and mounts; 0 without any */
	s32 watched; /* further references to that file's inode: inotify, fanotify */
	u32 userns; /* inode of the user namespace that owns it */
	u32 uid;    /* of that namespace's creator, in the initial user namespace */
	u32 rings;  /* 1 if it has packet or XDP sockets, which may be mapped */
	u32 unused;
};

/* One namespace on the kernel's list of its type. */
struct listed_record {
	u64 id; /* never reused in one boot; of a network namespace its cookie */
	u32 inode;
	s32 refs; /* 0: dying */
};

/* What a namespace refers to. */
struct relation {
	u32 type;   /* CLONE_NEW* of the namespace */
	u32 owner;  /* inode of the user namespace that owns it; of a user namespace, its parent */
	u32 parent; /* of a user or PID namespace: inode of its parent; 0 of an initial one */
	u32 uid;    /* of a user namespace: its creator, in the initial user namespace */
};

/* Counts of one pass, by which user space knows that nothing was lost. */
struct totals {
	u64 visited;    /* elements that the kernel showed */
	u64 written;    /* records emitted */
	u64 own_ns;     /* files left out because of FILE_OWN_NS */
	u64 lost;       /* records for which there was no room */
	u64 unreadable; /* io_uring instances that cannot be read on this kernel */
	u64 changed;    /* lists that changed while they were followed */
	u64 ended;      /* 1 once the iterator has reached its end */
};

/* Why a run of a walk returned. */
enum walk_state {
	WALK_CONTINUE, /* the output is full: run again */
	WALK_DONE,
	WALK_ABORTED, /* its position was freed, or it took too many steps */
};

struct net_walk {
	u64 last; /* struct net to continue after; 0 to start */
	u32 count;
	u32 state;
};

struct listed_walk {
	u64 last; /* struct ns_common to continue after; 0 to start */
	u32 type; /* CLONE_NEW* of the list */
	u32 count;
	u32 state;
	u32 unused;
};

/* Position in the pending requests of a task. */
struct request_walk {
	u64 tctx, node;    /* its struct io_uring_task, and the xa_node that slot is in */
	u64 ring;          /* 0 if none; table is the next of its tables */
	u64 hash;          /* the buckets of a table */
	u64 contexts;      /* of aio, the struct kioctx_table, and then one of its contexts: */
	u64 head;          /* of the context's list */
	u64 entry;         /* in a bucket or list; 0 if none */
	u32 slot, table;
	u32 buckets, bucket;
	u32 context, unused;
};

/* Position in the receive queues of one batch of namespaces. */
struct queue_walk {
	u64 sk, skb, fp; /* 0 if none */
	u64 sender;      /* of the message before skb, if that is to be emitted; 0 if not */
	u64 last;        /* of the message before skb */
	u64 inode;       /* of sk */
	u32 nets, net;   /* size of the batch, and index into it */
	u32 bucket;
	u32 sk_flags;
	u32 fd, remaining; /* next index in fp; how many more messages to follow */
	u32 visited, skip; /* records of sk so far, and how many user space has */
	u32 count;
	u32 state;
	u32 embryo; /* sk itself is still to be emitted */
	u32 unused;
};

/* Position in the search for sockets that may have files in flight. */
struct queued_walk {
	u64 sk;
	u32 nets, net;
	u32 bucket;
	u32 state;
};

/* Position in the mappings of packet and XDP sockets. */
struct mapping_walk {
	u64 sk, node; /* in the list of sockets, and in the mappings of that socket */
	u32 nets, net;
	u32 list;
	u32 count;
	u32 state;
	u32 unused;
};

/* Position in the list of superblocks, then in the mounts of the nsfs one. */
struct mount_walk {
	u64 sb, first; /* the superblock, 0 once found, and the first one that was visited */
	u64 mount;     /* once the superblock is found; 0 at the end */
	u64 head;      /* before 6.18: the list head that ends the list of mounts */
	u32 count;
	u32 state;
};

/* Position in the tables of TCP connections of one batch of namespaces. */
struct closing_walk {
	u64 table, node; /* the buckets of the table, 0 if none, and the position in a chain */
	u32 buckets, bucket;
	u32 nets, net;
	u32 count;
	u32 state;
};

enum batch_size {
	NET_BATCH = 32,
	FILE_BATCH = 2048,
};

/* What a pass reports. */
struct options {
	u32 types;  /* CLONE_NEW* of the namespaces to report; 0 for all */
	u32 own_ns; /* 1 reports files with FILE_OWN_NS too */
	u32 unshifted; /* 1 where /proc/PID/stat takes no notice of time namespaces (before 5.11) */
	u32 account; /* 1 reports what has FILE_OWN_NS too, packed where it is a socket, unless
		      * that is the initial namespace, and inotify and fanotify files */
	u32 relations; /* 1 records the relations of namespaces: see relations.h */
};
