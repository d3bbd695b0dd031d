/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which user namespace owns a namespace, and which is the parent of a user or PID
 * namespace. A namespace has a reference to both (create_user_ns,
 * kernel/user_namespace.c; create_pid_namespace, kernel/pid_namespace.c), and those may
 * have nothing else that keeps them alive: what is recorded of a namespace includes
 * all those above it. With options.relations the other programs record what they
 * come upon. */
#pragma once

#include "../common/ns.h"
#include "scan.h"

#ifdef NO_RELATIONS
#define WITH_RELATIONS 0
#define relate(address, type) (void)0
#define relate_task(task) (void)0
#else
#define WITH_RELATIONS opts.relations
#define MAX_LEVELS 34 /* of namespaces, the initial one included (create_user_ns, MAX_PID_NS_LEVEL) */

/* By inode, which is unique over all types. */
struct {
	MAP_TYPE(HASH);
	MAP_KEY(u32);
	MAP_VALUE(struct relation);
	MAP_ENTRIES(16384);
} relations SEC(".maps");

/* What a function that is not static is given must not be a pointer to the verifier. */
static __always_inline u64 number(const void *address)
{
	u64 n = 0;

	bpf_probe_read_kernel(&n, sizeof(n), &address);
	return n;
}

/* Records a namespace, given by the address of its struct ns_common, and those above it.
 * The owner of a PID namespace is that of its parent, or below (create_pid_namespace, since
 * 4.15), so that the owners of all its ancestors are above its own. Not being static, it is
 * verified once, not with each call. */
__noinline int relate(u64 address, u32 type)
{
	struct ns_common *ns = (void *)address;
	struct user_namespace *user;
	struct pid_namespace *pid;
	struct relation r = {};
	u32 inode = READ(ns, inum), i;

	if (!inode || bpf_map_lookup_elem(&relations, &inode))
		return 0;
	r.type = type;
	user = container_of(ns, struct user_namespace, ns);
	if (type != CLONE_NEWUSER)
		user = owner_of(ns, type);
	pid = container_of(ns, struct pid_namespace, ns);
	for (i = 0; i < MAX_LEVELS && type == CLONE_NEWPID && pid; i++) {
		inode = READ(pid, ns.inum);
		r.owner = READ(pid, user_ns, ns.inum);
		pid = READ(pid, parent);
		r.parent = READ(pid, ns.inum);
		bpf_map_update_elem(&relations, &inode, &r, 0);
	}
	if (type != CLONE_NEWPID && type != CLONE_NEWUSER) {
		r.owner = READ(user, ns.inum);
		bpf_map_update_elem(&relations, &inode, &r, 0);
	}
	r.type = CLONE_NEWUSER;
	for (i = 0; i < MAX_LEVELS && user; i++) {
		inode = READ(user, ns.inum);
		if (!inode || bpf_map_lookup_elem(&relations, &inode))
			return 0;
		r.uid = READ(user, owner.val);
		user = READ(user, parent);
		r.owner = r.parent = READ(user, ns.inum);
		bpf_map_update_elem(&relations, &inode, &r, 0);
	}
	return 0;
}

/* Records the namespaces of a task. The PID namespace that it is in is the one for its
 * children, or above that (pidns_install, kernel/pid_namespace.c). */
static __always_inline void relate_task(struct task_struct *task)
{
	struct nsproxy *proxy;

	task = TYPED(task);
	relate(number(&GET(task, real_cred, user_ns)->ns), CLONE_NEWUSER);
	proxy = GET(task, nsproxy);
	if (!proxy || proxy == related_proxy) /* most often that of the task before it */
		return;
	related_proxy = proxy;
	relate(number(&GET(proxy, net_ns)->ns), CLONE_NEWNET);
	relate(number(&GET(proxy, mnt_ns)->ns), CLONE_NEWNS);
	relate(number(&GET(proxy, ipc_ns)->ns), CLONE_NEWIPC);
	relate(number(&GET(proxy, uts_ns)->ns), CLONE_NEWUTS);
	relate(number(&GET(proxy, cgroup_ns)->ns), CLONE_NEWCGROUP);
	relate(number(&GET(proxy, time_ns)->ns), CLONE_NEWTIME);
	relate(number(&GET(proxy, time_ns_for_children)->ns), CLONE_NEWTIME);
	relate(number(&GET(proxy, pid_ns_for_children)->ns), CLONE_NEWPID);
}
#endif
