/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a filter needs to know of a caller that its PID would show only while it lives:
 * its program, that of its parent, whether it is root's, and its cgroups. */
#pragma once

#include "function.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block___caller {
	u32 s_dev;
};
struct inode___caller {
	unsigned long i_ino;
	struct super_block___caller *i_sb;
	u32 i_nlink;
};
struct file___caller {
	struct inode___caller *f_inode;
};
struct mm_struct___caller {
	struct file___caller *exe_file;
};
struct cred___caller {
	kuid_t uid, euid, suid;
	struct user_namespace *user_ns;
};
struct kernfs_node___caller {
	u64 id;
};
struct cgroup_root___caller {
	int hierarchy_id;
};
struct cgroup___caller {
	struct kernfs_node___caller *kn;
	struct cgroup_root___caller *root;
};
struct cgroup_subsys_state___caller {
	struct cgroup___caller *cgroup;
};
struct css_set___caller {
	struct cgroup_subsys_state___caller *subsys[1];
	struct cgroup___caller *dfl_cgrp;
};
struct task_struct___caller {
	struct mm_struct___caller *mm;
	struct cred___caller *cred;
	struct css_set___caller *cgroups;
	struct task_struct___caller *real_parent;
};

#pragma clang attribute pop

#define INITIAL_USER_NS 0xEFFFFFFDU /* PROC_USER_INIT_INO, include/linux/proc_ns.h, since 3.8 */
#define MOST_SUBSYSTEMS 16          /* of cgroup v1; CGROUP_SUBSYS_COUNT is at most that (include/linux/cgroup-defs.h, 6.18) */

const volatile u32 identify;         /* 1: read what is here */
const volatile u32 cgroup_hierarchy; /* ID of the hierarchy of cgroup v1 to read too; 0 for none */

/* The ID of a cgroup is the inode of its directory. */
static __always_inline u64 cgroup_id(struct cgroup___caller *cgroup)
{
	return READ(cgroup, kn, id);
}

/* Returns the cgroup in a hierarchy of cgroup v1, by its number as in /proc/PID/cgroup. */
static __always_inline u64 cgroup_v1_id(struct css_set___caller *set)
{
	void *subsys = (void *)set + bpf_core_field_offset(struct css_set___caller, subsys);
	u64 id = 0;

#pragma unroll
	for (int i = 0; i < MOST_SUBSYSTEMS; i++) {
		struct cgroup_subsys_state___caller *state = READ_POINTER(subsys + i * sizeof(void *));
		struct cgroup___caller *cgroup = READ(state, cgroup);

		if (!id && READ(cgroup, root, hierarchy_id) == (int)cgroup_hierarchy)
			id = cgroup_id(cgroup);
	}
	return id;
}

static __always_inline struct inode___caller *program_of(struct task_struct___caller *task)
{
	return READ(task, mm, exe_file, f_inode);
}

static __noinline int read_caller(struct event *e, struct task_struct___caller *task)
{
	struct css_set___caller *cgroups;
	struct inode___caller *program;
	struct cred___caller *cred;
	struct caller *c;

	if (!e)
		return 0;
	c = &e->caller;
	cred = READ(task, cred);
	if (!READ(cred, uid.val) && !READ(cred, euid.val) && !READ(cred, suid.val) &&
	    READ(cred, user_ns, ns.inum) == INITIAL_USER_NS)
		c->note |= CALLER_ROOT;
	program = program_of(task);
	if (program) {
		c->program = READ(program, i_ino);
		c->program_dev = READ(program, i_sb, s_dev);
		if (!READ(program, i_nlink))
			c->note |= CALLER_UNLINKED;
	}
	program = program_of(READ(task, real_parent));
	c->parent = READ(program, i_ino);
	c->parent_dev = READ(program, i_sb, s_dev);
	cgroups = READ(task, cgroups);
	c->cgroup = cgroup_id(READ(cgroups, dfl_cgrp));
	if (cgroup_hierarchy)
		c->cgroup_v1 = cgroup_v1_id(cgroups);
	return 0;
}
