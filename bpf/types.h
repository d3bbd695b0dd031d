/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

#include "headers/bpf.h"

#define CLONE_NEWTIME 0x00000080 /* include/uapi/linux/sched.h, as are the rest */
#define CLONE_NEWNS 0x00020000
#define CLONE_NEWCGROUP 0x02000000
#define CLONE_NEWUTS 0x04000000
#define CLONE_NEWIPC 0x08000000
#define CLONE_NEWUSER 0x10000000
#define CLONE_NEWPID 0x20000000
#define CLONE_NEWNET 0x40000000

/* Index into an array of namespaces by type: the eight types, then the two that
 * only children get. */
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
