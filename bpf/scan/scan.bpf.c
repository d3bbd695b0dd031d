// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Finds what keeps namespaces alive, from inside the kernel. No program is attached
 * to an event or takes a reference: each runs while user space reads from its
 * iterator, or requests a single run, and at no other time.
 *
 * Needs Linux 5.8 (task iterators), 5.10 (BPF_PROG_TEST_RUN of a raw tracepoint
 * program), 5.17 (bpf_loop: io_uring slots, descriptor tables, mapped
 * sockets, detached mounts, closing sockets, pending requests), 6.0 (files in flight), 6.1 (mappings), 6.18 (lists of namespaces of
 * any type), 6.2 for the object built with DIRECT. With USUAL there are only the programs that every scan takes, to read less at
 * its start; with NO_RELATIONS they record no relations. */
#include "scan.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct totals pass_totals;
struct totals task_totals; /* of the program tasks, which may run beside another one */
struct task_record task_found; /* by tasks */
const void *task_shown;        /* to tasks */
struct options opts;
const void *related_proxy; /* of the task before, whose namespaces are recorded */

#include "reader.h"
#include "relations.h"
#include "file.h"

/* Never used: puts the types in the object's BTF, where bpf2go finds them. */
struct {
	struct task_record task;
	struct file_record file;
	struct own_record own;
	struct relation relation;
	enum ns_index index;
	enum task_flag task_flag;
	enum file_kind kind;
	enum file_flag file_flag;
	enum walk_state walk;
	enum batch_size batch;
	enum own_size own_size;
} *types_for_go;

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */

static __always_inline u32 types_wanted(void)
{
	return opts.types ? opts.types : NS_ALL_FLAGS;
}

static __always_inline int type_wanted(u32 type)
{
	return !opts.types || (opts.types & type);
}

#include "tasks.h"
#include "taskfiles.h"
#include "fdtable.h"
#include "nets.h"
#include "inflight.h"
#include "queued.h"
#include "mapped.h"
#include "mounts.h"
#ifndef USUAL
#include "closing.h"
#include "requests.h"
#include "taskrings.h"
#include "mappings.h"
#include "peers.h"
#include "listed.h"
#endif
