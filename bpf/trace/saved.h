/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Events of calls that have been entered and not returned. */
#pragma once

#include "event.h"

u32 overflowed; /* 1 once pending had no room for an event, which went to overflow */

/* The calls of tasks for which pending had no room, until they return. */
struct {
	MAP_TYPE(HASH);
	MAP_KEY(u32);
	MAP_VALUE(struct event);
	MAP_ENTRIES(1024);
} overflow SEC(".maps");

/* Saves an event until the call returns. The entry of a task stays in the map until
 * the task exits: to delete and insert it each time would cost more than all else here.
 * Tasks for which there is no room use overflow, where entries do not stay. */
static __always_inline long save(u32 id, struct event *e)
{
	struct event *entry = bpf_map_lookup_elem(&pending, &id);
	u32 size = e->path_size;

	if (!entry) {
		if (!bpf_map_update_elem(&pending, &id, e, 0))
			return 0;
		overflowed = 1;
		return bpf_map_update_elem(&overflow, &id, e, 0);
	}
	__builtin_memcpy(entry, e, EVENT_HEADER);
	if (size > PATH_SIZE) /* a bound of another form is lost on 5.10's verifier */
		size = PATH_SIZE;
	bpf_probe_read_kernel(entry->path, size, e->path);
	return 0;
}

/* Returns the saved event of the call that a task is in, NULL if there is none. */
static __always_inline struct event *saved(u32 id)
{
	struct event *e = bpf_map_lookup_elem(&pending, &id);

	if (!e && overflowed)
		e = bpf_map_lookup_elem(&overflow, &id);
	return e && e->call ? e : NULL;
}
