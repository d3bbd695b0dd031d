/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The types of namespaces, by index and by flag. Needs no kernel type. */
#pragma once

#include "bpf.h"

#define CLONE_NEWTIME 0x00000080 /* include/uapi/linux/sched.h, as are the rest */
#define CLONE_NEWNS 0x00020000
#define CLONE_NEWCGROUP 0x02000000
#define CLONE_NEWUTS 0x04000000
#define CLONE_NEWIPC 0x08000000
#define CLONE_NEWUSER 0x10000000
#define CLONE_NEWPID 0x20000000
#define CLONE_NEWNET 0x40000000

/* Index into an array of namespaces by type: the eight types, then the two that
 * a task has for its children. */
enum ns_index {
	NS_NET,
	NS_MNT,
	NS_USER,
	NS_PID,
	NS_IPC,
	NS_UTS,
	NS_CGROUP,
	NS_TIME,
	NS_TYPES,
	NS_PID_CHILDREN = NS_TYPES,
	NS_TIME_CHILDREN,
	NS_COUNT,
};

#define FOR_EACH_NS_TYPE(f)                                                                   \
	f(NS_NET, CLONE_NEWNET)                                                               \
	f(NS_MNT, CLONE_NEWNS)                                                                \
	f(NS_USER, CLONE_NEWUSER)                                                             \
	f(NS_PID, CLONE_NEWPID)                                                               \
	f(NS_IPC, CLONE_NEWIPC)                                                               \
	f(NS_UTS, CLONE_NEWUTS)                                                               \
	f(NS_CGROUP, CLONE_NEWCGROUP)                                                         \
	f(NS_TIME, CLONE_NEWTIME)

#define NS_OR_FLAG(index, flag) | (flag)
#define NS_ALL_FLAGS (0 FOR_EACH_NS_TYPE(NS_OR_FLAG))

/* Returns the CLONE_NEW* flag of a type, 0 if there is no such type. */
static __always_inline u32 ns_flag(u32 index)
{
	switch (index) {
#define NS_CASE(index, flag) case index: return flag;
	FOR_EACH_NS_TYPE(NS_CASE)
#undef NS_CASE
	}
	return 0;
}

/* Returns the index of a CLONE_NEW* flag, NS_TYPES if it is not one. */
static __always_inline u32 ns_index_of(u32 type)
{
	switch (type) {
#define NS_CASE(index, flag) case flag: return index;
	FOR_EACH_NS_TYPE(NS_CASE)
#undef NS_CASE
	}
	return NS_TYPES;
}
