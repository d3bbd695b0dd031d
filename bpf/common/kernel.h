/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel structures that the programs here read, with only the fields
 * read. Order and offsets do not matter: CO-RE takes both from the running kernel's
 * BTF. A name with ___ is an older layout of the structure before it. */
#pragma once

#include "bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};
struct hlist_node {
	struct hlist_node *next, **pprev;
};
struct hlist_head {
	struct hlist_node *first;
};
typedef struct {
	s32 counter;
} atomic_t;
typedef struct {
	long counter;
} atomic_long_t;
typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;
typedef struct {
	u32 val;
} kuid_t;

struct proc_ns_operations;
struct proc_ns_operations___v617 {
	int type; /* until 6.17; ns_common.ns_type from 6.18 */
};
struct ns_common {
	const struct proc_ns_operations *ops;
	u32 inum;
	u32 ns_type;         /* 6.18 */
	refcount_t __ns_ref; /* 6.18 */
	u64 ns_id;           /* 6.18 */
	struct list_head ns_list_node; /* 6.18 */
	struct dentry *stashed; /* 6.9 */
};
struct ns_tree_node___v619 {
	struct list_head ns_list_entry;
};
struct ns_common___v619 {
	struct ns_tree_node___v619 ns_tree_node; /* 6.19; an rb_node before */
};
struct ns_common___v617 {
	refcount_t count; /* 5.11 to 6.17; struct net's own count before */
};
struct ns_common___v68 {
	atomic_long_t stashed;
};

struct user_namespace {
	struct ns_common ns;
	struct user_namespace *parent;
	kuid_t owner;
};
struct uts_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
};
struct ipc_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
};
struct mnt_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
	struct mount *root;
};
struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};
struct timens_offsets {
	struct timespec64 boottime;
};
struct time_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
	struct timens_offsets offsets;
};
struct cgroup_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
};
struct pid_namespace {
	struct ns_common ns;
	struct user_namespace *user_ns;
	struct pid_namespace *parent;
	struct task_struct *child_reaper;
};

struct unix_table {
	struct hlist_head *buckets;
};
struct netns_unix {
	struct unix_table table; /* 6.0; one table for all namespaces before */
};
struct inet_ehash_bucket {
	struct hlist_head chain; /* a struct hlist_nulls_head */
};
struct inet_hashinfo {
	struct inet_ehash_bucket *ehash;
	u32 ehash_mask;
};
struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
};
struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row; /* a pointer from 5.18 to 6.0 */
};
struct netns_packet {
	struct hlist_head sklist;
};
struct netns_xdp {
	struct hlist_head list;
};
struct net {
	struct list_head list;
	struct user_namespace *user_ns;
	struct ns_common ns;
	u64 net_cookie; /* 5.12 as a plain number */
	struct netns_ipv4 ipv4;
	struct netns_unix unx;
	struct netns_packet packet;
	struct netns_xdp xdp;
};
struct net___v510 {
	refcount_t count;
};

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct time_namespace *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	u32 level;
	struct hlist_head tasks[1]; /* by pid_type; PIDTYPE_PID is 0 */
	struct upid numbers[1];
};
struct cred {
	kuid_t uid;
	kuid_t euid;
	struct user_namespace *user_ns;
};
struct fdtable {
	u32 max_fds;
	struct file **fd;
	unsigned long *open_fds;
};
struct files_struct {
	struct fdtable *fdt;
};
struct thread_info {
	unsigned long flags;
	u32 status; /* x86 */
};
struct seccomp {
	int mode;
};
struct signal_struct {
	atomic_t live;
};
struct task_struct {
	struct thread_info thread_info;
	struct seccomp seccomp;
	struct signal_struct *signal;
	struct hlist_node pid_links[1]; /* by pid_type */
	struct fs_struct *fs;
	struct files_struct *files;
	u32 flags;
	int exit_state;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	u64 start_boottime;
	struct cred *real_cred;
	struct cred *cred;
	struct mm_struct *mm;
	struct io_uring_task *io_uring; /* with CONFIG_IO_URING; NULL until the task uses it */
	char comm[16];
	struct nsproxy *nsproxy;
};

struct super_block {
	struct list_head s_list;
	unsigned long s_magic;
	struct mount *s_mounts; /* 6.18 */
};
struct super_block___v617 {
	struct list_head s_mounts;
};
struct inode {
	u16 i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	u32 i_rdev;
	atomic_t i_count;
	void *i_private;
};
struct lockref {
	int count;
};
struct qstr {
	const u8 *name;
};
struct dentry {
	struct lockref d_lockref;
	struct qstr d_name;
	struct dentry *d_parent;
	struct inode *d_inode;
};
struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	u32 mnt_flags;
};
struct mount {
	struct mount *mnt_parent; /* itself for the root of a mount tree */
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mount *mnt_next_for_sb; /* 6.18 */
	struct mnt_namespace *mnt_ns;
	u32 mnt_id;
};
struct mount___v617 {
	struct list_head mnt_instance;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct fs_struct {
	struct path root;
};
struct rb_node {
	struct rb_node *rb_right, *rb_left;
	unsigned long __rb_parent_color;
};
struct rb_root_cached {
	struct rb_node *rb_leftmost;
};
struct address_space {
	struct rb_root_cached i_mmap;
};
typedef struct {
	atomic_long_t refcnt;
} file_ref_t;
struct file___v612 {
	atomic_long_t f_count;
};
struct file {
	struct address_space *f_mapping;
	file_ref_t f_ref; /* 6.13: references but one */
	u32 f_mode;
	void *private_data;
	struct inode *f_inode;
	u32 f_flags;
	struct path f_path;
};

#pragma clang attribute pop

/* Reads a pointer from an array: struct hlist_head is a single pointer. */
#define READ_POINTER(p) ((void *)READ((struct hlist_head *)(p), first))
