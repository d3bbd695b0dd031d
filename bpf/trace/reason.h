/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel's state shows of why a call fails. The credentials of a task, and who
 * owns a namespace, do not change during a call. A task that is alone in its process, or
 * with its root directory, stays alone meanwhile, as only it could make another. */
#pragma once

#include "../common/ns.h"
#include "event.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	u64 val;
} kernel_cap_t;
struct user_namespace___more {
	int level;
	struct ucounts *ucounts;
	long ucount_max[8]; /* int before 5.15 */
};
struct pid_namespace___more {
	u32 level;
};
struct ucounts {
	struct user_namespace *ns;
	atomic_long_t ucount[8]; /* atomic_t before 5.14 */
};
struct cred___more {
	kernel_cap_t cap_effective;
	struct ucounts *ucounts; /* 5.14, of user_ns and uid */
};
struct signal_struct___more {
	int nr_threads;
};
struct fs_struct___more {
	int users;
};

#pragma clang attribute pop

#define CAP_SYS_CHROOT 18 /* include/uapi/linux/capability.h */
#define CAP_SYS_ADMIN 21
#define ENOSPC 28
#define DEEPEST 5 /* how many user namespaces above one are looked at: more cost the verifier time */
#define MAX_NS_LEVEL 32 /* MAX_PID_NS_LEVEL; create_user_ns, kernel/user_namespace.c */

/* Returns the first 32 effective capabilities of a task. */
static __always_inline u32 read_caps(struct cred *cred)
{
	u32 *caps = (void *)TYPED(cred) + bpf_core_field_offset(struct cred___more, cap_effective);

	return GET_PLAIN(caps);
}

static __always_inline int level_of(struct user_namespace *ns)
{
	return READ((struct user_namespace___more *)ns, level);
}

/* Reports whether credentials are without CAP_SYS_ADMIN in a user namespace (cap_capable,
 * security/commoncap.c, 6.18). A security module may refuse it besides. */
static __noinline int lacks_admin(struct cred *cred, struct user_namespace *ns)
{
	struct user_namespace *own, *parent;

	if (!cred || !ns)
		return 0;
	own = READ(cred, user_ns);
	for (int i = 0; i < DEEPEST && ns; i++) {
		if (ns == own)
			return !(read_caps(cred) & (1 << CAP_SYS_ADMIN));
		if (level_of(ns) <= level_of(own))
			return 1;
		parent = READ(ns, parent);
		if (parent == own && READ(ns, owner.val) == READ(cred, euid.val))
			return 0;
		ns = parent;
	}
	return 0;
}

/* Notes at the entry of a setns in which user namespace it needs a capability for what it
 * is to enter, its owner, or a user namespace itself (the install functions of struct
 * proc_ns_operations), and whether the caller lacks it there. */
static __always_inline void read_owner(struct event *e, struct task_struct *task, struct ns_common *ns, u32 type)
{
	struct user_namespace *owner = container_of(ns, struct user_namespace, ns);
	struct cred *cred = GET(task, cred);

	if (type != CLONE_NEWUSER)
		owner = owner_of(ns, type);
	e->owner = READ(owner, ns.inum);
	if (owner == READ(cred, user_ns) ? !(read_caps(cred) & (1 << CAP_SYS_ADMIN)) : lacks_admin(cred, owner))
		e->facts |= FACT_NO_ADMIN_THERE;
}

/* Reports whether a task's root directory is not the root of its mount namespace, nor
 * covered by it (current_chrooted, fs/namespace.c, 6.18). */
static __noinline int is_chrooted(struct task_struct *task)
{
	struct mount *mount, *parent, *top;
	struct vfsmount *vfs;
	struct fs_struct *fs;

	if (!task)
		return 0;
	fs = READ(task, fs);
	vfs = READ(fs, root.mnt);
	top = READ(task, nsproxy, mnt_ns, root);
	if (!vfs || !top)
		return 0;
	mount = container_of(vfs, struct mount, mnt);
	if (READ(fs, root.dentry) != READ(mount, mnt.mnt_root))
		return 1;
	for (int i = 0; i < 4; i++) {
		if (mount == top)
			return 0;
		parent = READ(mount, mnt_parent);
		if (parent == mount || READ(mount, mnt_mountpoint) != READ(parent, mnt.mnt_root))
			return 1;
		mount = parent;
	}
	return 0;
}

/* Types by the index of their limit (enum ucount_type, include/linux/user_namespace.h,
 * 5.8 to 6.18), as bits. */
static __always_inline u32 limits_of(u64 flags)
{
	return !!(flags & CLONE_NEWUSER) | !!(flags & CLONE_NEWPID) << 1 | !!(flags & CLONE_NEWUTS) << 2 |
	       !!(flags & CLONE_NEWIPC) << 3 | !!(flags & CLONE_NEWNET) << 4 | !!(flags & CLONE_NEWNS) << 5 |
	       !!(flags & CLONE_NEWCGROUP) << 6 | !!(flags & CLONE_NEWTIME) << 7;
}

/* Notes which limits of those asked for are reached in a user namespace (inc_ucount,
 * kernel/ucount.c, 6.18), as bits, and moves on to the one above; 0 if there is no need. Without
 * counts it is those that are 0. It has no branches for each, all of which the verifier would
 * follow. */
__noinline int full_step(u32 asked)
{
	struct scratch *s = my_scratch();
	struct user_namespace___more *ns;
	u32 max_size, count_size;
	void *max_at, *count_at;
	struct ucounts *counts;
	u64 full = 0;

	if (!s || !s->user_ns)
		return 0;
	ns = (void *)s->user_ns;
	counts = (void *)s->counts;
	max_size = __builtin_preserve_field_info(ns->ucount_max[0], 1);
	count_size = __builtin_preserve_field_info(counts->ucount[0].counter, 1);
	max_at = (void *)ns + __builtin_preserve_field_info(ns->ucount_max[0], 0);
	count_at = (void *)counts + __builtin_preserve_field_info(counts->ucount[0].counter, 0);
	for (u32 i = 0; i < 8; i++) {
		s64 max = 0, count = 0; /* 0 of what cannot be read */

		bpf_probe_read_kernel(&max, max_size == 4 ? 4 : 8, max_at + i * (max_size == 4 ? 4 : 8));
		bpf_probe_read_kernel(&count, count_size == 4 ? 4 : 8, count_at + i * (count_size == 4 ? 4 : 8));
		full |= (~(u64)(count - max) >> 63) << i;
	}
	s->event.full = full & asked;
	if (full & asked) {
		s->event.full_in = READ((struct user_namespace *)ns, ns.inum);
		return 0;
	}
	counts = READ(ns, ucounts);
	s->counts = (u64)counts;
	s->user_ns = (u64)READ(counts, ns);
	return 1;
}

/* Notes which limits of the types in flags are reached, in the first user namespace of those
 * above a task's in which one is that matters. */
static __always_inline void read_full(struct scratch *s, struct cred *cred, u64 flags)
{
	u32 asked = limits_of(flags);

	s->user_ns = (u64)READ(cred, user_ns);
	s->counts = 0;
	if (bpf_core_field_exists(struct cred___more, ucounts) && READ(cred, uid.val) == READ(cred, euid.val))
		s->counts = (u64)READ((struct cred___more *)cred, ucounts);
	for (int i = 0; i < DEEPEST; i++)
		if (!full_step(asked))
			break;
}

/* Notes in the event in scratch what the state of a task shows as a call of its fails. A
 * global function, which the verifier follows once. */
__noinline int find_facts(u64 flags, s64 ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *s = my_scratch();
	u32 caps, threads, shared;
	struct cred *cred;
	struct event *e;

	if (!s)
		return 0;
	e = &s->event;
	e->full = 0;
	e->full_in = 0;
	cred = READ(task, cred);
	caps = read_caps(cred);
	threads = READ((struct signal_struct___more *)READ(task, signal), nr_threads) > 1;
	shared = READ((struct fs_struct___more *)READ(task, fs), users) > 1;
	e->facts = (~caps >> CAP_SYS_ADMIN & 1) * FACT_NO_ADMIN | (~caps >> CAP_SYS_CHROOT & 1) * FACT_NO_CHROOT |
		   threads * FACT_THREADS | shared * FACT_SHARED_FS | is_chrooted(task) * FACT_CHROOTED;
	if (ret != -ENOSPC)
		return 0;
	if (level_of(READ(cred, user_ns)) > MAX_NS_LEVEL)
		e->facts |= FACT_USER_DEPTH;
	if (READ((struct pid_namespace___more *)READ(task, nsproxy, pid_ns_for_children), level) >= MAX_NS_LEVEL)
		e->facts |= FACT_PID_DEPTH;
	read_full(s, cred, flags);
	return 0;
}

/* Adds that to an event, which is not the one in scratch. */
static __always_inline void read_facts(struct event *e)
{
	struct scratch *s = my_scratch();

	if (!s)
		return;
	find_facts(e->flags, e->ret);
	e->full = s->event.full;
	e->full_in = s->event.full_in;
	e->facts |= s->event.facts;
}
