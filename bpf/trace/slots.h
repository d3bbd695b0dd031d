/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Events of calls that have been entered and not returned: saved.h for new kernels, with no
 * helper called to find one and nothing copied to save it. */
#pragma once

#include "call.h"
#include "wanted.h"

#define SLOTS 4096 /* of each sort */
#define TRIES 64

/* The first half is for tasks by the last bits of their numbers. A task keeps its slot until
 * it exits: to take and leave one each time would cost more. A task whose slot another has
 * uses one of the second half until its call returns. The event in a slot has CALL_UNKNOWN
 * if its task is in no call. */
struct {
	MAP_TYPE(ARRAY);
	MAP_KEY(u32);
	MAP_VALUE(struct scratch);
	MAP_ENTRIES(2 * SLOTS); /* 7 MiB */
} slots SEC(".maps");

u32 overflowed; /* 1 once a task had to use the second half */
u32 missed;     /* 1 once there was no slot: what that call returns is reported as partial */

static __always_inline struct scratch *slot_at(u32 at) { return bpf_map_lookup_elem(&slots, &at); }

struct search {
	u32 owner, id;
	u32 hash, step;
	u32 found;
};

static long try_slot(u32 i, struct search *c)
{
	u32 at = SLOTS + ((c->hash + i * c->step) & (SLOTS - 1));
	struct scratch *s = slot_at(at);

	if (!s || __sync_val_compare_and_swap(&s->task, c->owner, c->id) != c->owner)
		return 0;
	c->found = at;
	return 1;
}

/* Finds the slot in the second half that has an owner, and gives it to a task: a free one, of
 * 0, or its own. Returns 0 if there is none. */
__noinline int find_other(u32 owner, u32 id)
{
	u32 hash = id * 2654435761U;
	struct search c = {.owner = owner, .id = id, .hash = hash, .step = hash >> 16 | 1};

	bpf_loop(TRIES, try_slot, &c, 0);
	return c.found;
}

/* Returns where the last event of a task is, whose call is CALL_UNKNOWN once it has returned;
 * NULL if it has no slot. */
static __always_inline struct scratch *last_event(u32 id)
{
	struct scratch *s = slot_at(id & (SLOTS - 1));
	int at;

	if (s && s->task == id)
		return s;
	if (!overflowed)
		return NULL;
	at = find_other(id, id);
	return at ? slot_at(at) : NULL;
}

/* Gives a task that has no slot the one for its number; 0 if another has that. */
static __always_inline int take_slot(u32 id)
{
	struct scratch *s = slot_at(id & (SLOTS - 1));

	return s && !__sync_val_compare_and_swap(&s->task, 0, id);
}

/* Gives a task a slot if its call, which is in scratch, is to be recorded. */
__noinline int take_any(u32 id)
{
	struct scratch *s = new_scratch();

	if (!s || !read_call_once() || !fill_caller_once() || take_slot(id))
		return 0;
	overflowed = 1;
	if (!find_other(0, id))
		missed = 1;
	return 0;
}

/* Returns where the event of a call is to be filled in; NULL if it is not to be recorded. */
static __always_inline struct scratch *begin(u32 id, void *regs, u32 nr)
{
	struct scratch *s = last_event(id);

	if (!s && set_call(regs, nr)) {
		take_any(id);
		s = last_event(id);
	}
	if (!s)
		return NULL;
	__builtin_memset(&s->event, 0, EVENT_HEADER);
	s->regs = (u64)regs;
	s->nr = nr;
	return s;
}

/* Takes its slot from a task. What was written there comes before. */
static __always_inline void free_slot(u32 id, struct scratch *s)
{
	s->event.call = CALL_UNKNOWN;
	__sync_val_compare_and_swap(&s->task, id, 0);
}

/* The call returned, or is not to be recorded. */
static __always_inline void ended(u32 id, struct scratch *s)
{
	s->event.call = CALL_UNKNOWN;
	if (overflowed && slot_at(id & (SLOTS - 1)) != s)
		free_slot(id, s);
}

/* Ends what begin began. */
static __always_inline void keep(u32 id, struct scratch *s, int recorded)
{
	if (!recorded)
		ended(id, s);
}

/* Notes that a call of a task was recorded, which has returned. */
static __always_inline void remember(u32 id) { take_slot(id); }

/* Reports whether a call of a task was recorded; 0 where another has its slot. */
static __always_inline int is_known(u32 id)
{
	struct scratch *s = slot_at(id & (SLOTS - 1));

	return s && s->task == id;
}

/* Forgets a task, which has exited. */
static __always_inline void forget(u32 id)
{
	struct scratch *s = last_event(id);

	if (s)
		free_slot(id, s);
}
