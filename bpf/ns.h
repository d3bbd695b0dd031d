/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a namespace is, and the file of one. */
#pragma once

#include "headers/kernel.h"
#include "types.h"

#define NSFS_MAGIC 0x6e736673 /* include/uapi/linux/magic.h, as is the next */
#define ANON_INODE_FS_MAGIC 0x09041934

static __always_inline u64 cookie_of(struct net *net)
{
	if (!has_field(struct net, net_cookie))
		return 0;
	return READ(net, net_cookie);
}

static __always_inline u32 type_of(struct ns_common *ns)
{
	if (has_field(struct ns_common, ns_type))
		return READ(ns, ns_type);
	return READ((struct proc_ns_operations___v617 *)READ(ns, ops), type);
}

static __always_inline u64 magic_of(struct inode *inode)
{
	return READ(READ(inode, i_sb), s_magic);
}

/* struct pid has one struct upid a level (pid_nr_ns, kernel/pid.c). */
static __always_inline struct upid *at_level(struct pid *pid, u32 level)
{
	return (void *)pid + offset_in(struct pid, numbers) + level * kernel_sizeof(struct upid);
}
