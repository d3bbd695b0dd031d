/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Events of calls that have been entered and not returned. */
#pragma once

#include "call.h"
#include "wanted.h"

u32 overflowed; /* 1 once calls had no room for an event, which went to overflow */
u32 missed;     /* 1 once overflow had none either: what that call returns is reported as partial */

/* An entry stays until the task exits: to delete and insert it each time would cost more than
 * all else here. One whose call is CALL_UNKNOWN is of a task that is in none. */
struct {
	MAP_TYPE(HASH);
	MAP_KEY(u32);
	MAP_VALUE(struct scratch);
	MAP_ENTRIES(8192); /* 7 MiB */
} calls SEC(".maps");

/* The calls of tasks for which calls had no room, until they return. */
struct {
	MAP_TYPE(HASH);
	MAP_KEY(u32);
	MAP_VALUE(struct scratch);
	MAP_ENTRIES(1024);
} overflow SEC(".maps");

static __always_inline struct scratch *last_event(u32 id)
{
	struct scratch *s = bpf_map_lookup_elem(&calls, &id);

	return !s && overflowed ? bpf_map_lookup_elem(&overflow, &id) : s;
}

static __always_inline long save(u32 id, struct scratch *s)
{
	struct scratch *entry = bpf_map_lookup_elem(&calls, &id);
	u32 size = s->event.path_size;

	if (!entry) {
		if (!bpf_map_update_elem(&calls, &id, s, 0))
			return 0;
		overflowed = 1;
		return bpf_map_update_elem(&overflow, &id, s, 0);
	}
	__builtin_memcpy(&entry->event, &s->event, EVENT_HEADER);
	entry->regs = s->regs;
	if (size > PATH_SIZE) /* a bound of another form is lost on 5.10's verifier */
		size = PATH_SIZE;
	bpf_probe_read_kernel(entry->event.path, size, s->event.path);
	return 0;
}

/* Returns where the event of a call is to be filled in. */
static __always_inline struct scratch *begin(u32 id, void *regs, u32 nr)
{
	return set_call(regs, nr) ? new_scratch() : NULL;
}

/* Ends what begin began. */
static __always_inline void keep(u32 id, struct scratch *s, int recorded)
{
	if (recorded && save(id, s))
		missed = 1;
}

static __always_inline void ended(u32 id, struct scratch *s)
{
	s->event.call = CALL_UNKNOWN;
	if (overflowed)
		bpf_map_delete_elem(&overflow, &id);
}

/* Notes that a call of a task was recorded, which is in scratch and has returned. */
static __always_inline void remember(u32 id)
{
	struct scratch *s = my_scratch();

	if (s)
		bpf_map_update_elem(&calls, &id, s, 0);
}

static __always_inline int is_known(u32 id) { return bpf_map_lookup_elem(&calls, &id) != NULL; }

/* Forgets a task, which has exited. */
static __always_inline void forget(u32 id) { bpf_map_delete_elem(&calls, &id); }
