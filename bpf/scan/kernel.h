/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel structures that only the scan programs read, in the same way as those of
 * common/kernel.h: mappings, sockets, tun, tap and io_uring. */
#pragma once

#include "../common/kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct maple_tree {
	void *ma_root;
};
struct maple_metadata {
	u8 end;
};
struct maple_range_64 {
	unsigned long pivot[15];
	void *slot[16];
	struct maple_metadata meta;
};
struct maple_arange_64 {
	void *slot[10];
	struct maple_metadata meta;
};
struct mm_struct {
	struct maple_tree mm_mt; /* 6.1 */
	struct task_struct *owner; /* with CONFIG_MEMCG */
	struct kioctx_table *ioctx_table; /* with CONFIG_AIO */
};
struct vm_area_struct {
	struct mm_struct *vm_mm;
	struct {
		struct rb_node rb;
	} shared;
	unsigned long vm_start;
	struct file *vm_file;
};

typedef struct {
	struct net *net;
} possible_net_t;
struct in6_addr {
	u8 bytes[16];
};
struct sock_common {
	u32 skc_daddr;
	struct in6_addr skc_v6_daddr;
	u16 skc_dport;
	u16 skc_family;
	u8 skc_state;
	u8 skc_net_refcnt : 1;
	possible_net_t skc_net;
	struct hlist_node skc_node;
};
struct sk_buff;
struct sk_buff_head {
	struct sk_buff *next;
	u32 qlen;
};
struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
	u32 sk_ack_backlog;
	struct sk_buff_head sk_receive_queue;
	u16 sk_protocol;
	struct socket *sk_socket;
};
struct socket {
	short type;
	struct file *file;
	struct sock *sk;
};
struct unix_sock {
	struct sock sk;
	struct sock *peer;
	struct sock *listener; /* 6.10 */
};
struct inet_connection_sock {
	void *icsk_ulp_data;
};
struct mptcp_sock { /* with CONFIG_MPTCP */
	struct list_head conn_list;
};
struct mptcp_subflow_context {
	struct list_head node;
	struct sock *tcp_sock;
	struct sock *conn;
};
struct scm_fp_list {
	short count;
	struct file *fp[1];
};
struct unix_skb_parms {
	struct scm_fp_list *fp;
};
struct sk_buff {
	struct sk_buff *next;
	struct sock *sk;
	char cb[48];
};

struct net_device {
	char name[16];
	possible_net_t nd_net;
};
struct tun_struct {
	struct net_device *dev;
};
struct tun_file {
	struct sock sk;
	struct tun_struct *tun;
};
struct tap_dev {
	struct net_device *dev;
};
struct tap_queue {
	struct tap_dev *tap;
};

struct io_rsrc_node {
	unsigned long file_ptr;
};
struct io_rsrc_data {
	u32 nr;
	struct io_rsrc_node **nodes; /* 6.13 */
};
struct io_file_table {
	struct io_rsrc_data data; /* 6.13 */
};
struct io_hash_bucket {
	struct hlist_head list;
};
struct io_hash_table {
	struct io_hash_bucket *hbs;
	unsigned int hash_bits;
};
struct io_ring_ctx {
	struct io_file_table file_table;
	struct io_hash_table cancel_table; /* 6.0 */
};
struct io_fixed_file {
	unsigned long file_ptr;
};
struct io_file_table___v612 {
	struct io_fixed_file *files; /* 5.13 to 6.12 */
};
struct io_ring_ctx___v612 {
	struct io_file_table___v612 file_table;
	struct io_hash_table cancel_table_locked; /* 6.0 to 6.12 */
	u32 nr_user_files;
};
struct io_kiocb {
	struct file *file;
	struct io_uring_task *tctx; /* 6.13 */
	struct hlist_node hash_node;
};
struct io_kiocb___v612 {
	struct task_struct *task;
};
struct xarray {
	void *xa_head;
};
struct xa_node {
	u8 offset;
	struct xa_node *parent;
	void *slots[64];
};
struct io_uring_task {
	struct file *registered_rings[16]; /* 5.18 */
	struct xarray xa;
};
struct io_tctx_node {
	struct task_struct *task; /* 5.13 */
	struct io_ring_ctx *ctx;
};

struct kioctx {
	struct list_head active_reqs;
};
struct kioctx_table {
	unsigned int nr;
	struct kioctx *table[1];
};
struct aio_kiocb {
	struct file *ki_filp;
	struct list_head ki_list;
};

struct proc_dir_entry {
	struct proc_dir_entry *parent;
	void *data;
};
struct proc_inode {
	struct proc_dir_entry *pde;
	struct inode vfs_inode;
};
struct seq_file {
	void *private;
};
struct fs_context {
	struct net *net_ns;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 seq_num;
};

#pragma clang attribute pop

/* The contexts of iterators, whose layout the verifier checks: no CO-RE here. */
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};
