/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

#include "headers/bpf.h"

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
