/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The BPF helpers and CO-RE built-ins that the programs here use, no more. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef signed long long s64;

#define NULL ((void *)0)
#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))

/* A map is declared by an unnamed struct, whose BTF the loader reads. */
#define MAP_TYPE(number) int(*type)[number] /* enum bpf_map_type, linux/bpf.h */
#define MAP_ENTRIES(count) int(*max_entries)[count]
#define MAP_KEY(t) typeof(t) *key
#define MAP_VALUE(t) typeof(t) *value
#define HASH 1
#define ARRAY 2
#define PERCPU_ARRAY 6
#define RINGBUF 27

struct seq_file;

/* Helper numbers are UAPI, enum bpf_func_id in linux/bpf.h. */
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;                           /* 3.18 */
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2; /* 3.18 */
static long (*bpf_map_delete_elem)(void *map, const void *key) = (void *)3;                            /* 3.18 */
static u64 (*bpf_get_current_task)(void) = (void *)35;                               /* 4.8 */
static long (*bpf_probe_read_user)(void *to, u32 size, const void *from) = (void *)112;       /* 5.5 */
static u64 (*bpf_ktime_get_boot_ns)(void) = (void *)125;                                      /* 5.8 */
static long (*bpf_ringbuf_output)(void *ring, const void *data, u64 size, u64 flags) = (void *)130; /* 5.8 */
static void *(*bpf_ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131; /* 5.8 */
static void (*bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132; /* 5.8 */
static u64 (*bpf_ringbuf_query)(void *ring, u64 what) = (void *)134;                          /* 5.8 */
static long (*bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;     /* 5.5 */
static long (*bpf_probe_read_kernel_str)(void *to, u32 size, const void *from) = (void *)115; /* 5.5 */
static long (*bpf_seq_write)(struct seq_file *seq, const void *data, u32 len) = (void *)127;  /* 5.8 */
static long (*bpf_loop)(u32 nr_loops, void *callback, void *ctx, u64 flags) = (void *)181;           /* 5.17 */

/* CO-RE, as libbpf's bpf_core_read.h defines it. The last arguments are relocation
 * kinds (enum bpf_core_relo_kind, include/uapi/linux/bpf.h). */
#define bpf_core_field_offset(type, field) __builtin_preserve_field_info(((type *)0)->field, 0)
#define bpf_core_field_exists(type, field) __builtin_preserve_field_info(((type *)0)->field, 2)
#define bpf_core_type_size(type) __builtin_preserve_type_info(*(type *)0, 1)

/* PROBE_READ follows one pointer into kernel memory: PROBE_READ(p, a.b) is p->a.b,
 * or zero if that address cannot be read. */
#define PROBE_READ(p, field)                                                                       \
	({                                                                                    \
		typeof(p) p_ = (p);                                                           \
		typeof(p_->field) v_;                                                         \
		bpf_probe_read_kernel(&v_, sizeof(v_), &p_->field);                           \
		v_;                                                                           \
	})

/* READ follows pointers of types of the kernel itself, not of modules: READ(p, a, b.c) is
 * p->a->b.c, or zero if one of them cannot be read. The object is built twice: with DIRECT
 * these are plain loads, in a tenth of the time of the helper in PROBE_READ, through a
 * pointer that bpf_rdonly_cast (6.2) gives its type. What is loaded through it has the type
 * that the kernel declares. For several fields of one structure, TYPED gives the pointer its
 * type once, and GET is READ without that: the verifier takes longer for a cast than for
 * anything else here. */
#define PICK(_1, _2, _3, _4, name, ...) name
#define GET(p, ...) PICK(__VA_ARGS__, CHAIN4, CHAIN3, CHAIN2, CHAIN1)(p, __VA_ARGS__)
#define READ(p, ...) GET(TYPED(p), __VA_ARGS__)
#ifdef DIRECT
extern void *bpf_rdonly_cast(void *obj, u32 btf_id) __attribute__((section(".ksyms")));
#define TYPED(p)                                                                              \
	({                                                                                    \
		typeof(p) t_ = (p);                                                           \
		(typeof(t_))bpf_rdonly_cast((void *)t_, __builtin_btf_type_id(*t_, 1));       \
	})
#define GET_PLAIN(p) (*(p)) /* p is to a number within what is TYPED */
#define CHAIN1(p, a) ((p)->a)
#define CHAIN2(p, a, b) ((p)->a->b)
#define CHAIN3(p, a, b, c) ((p)->a->b->c)
#define CHAIN4(p, a, b, c, d) ((p)->a->b->c->d)
#else
#define TYPED(p) (p)
#define GET_PLAIN(p)                                                                          \
	({                                                                                    \
		typeof(*(p)) v_ = 0;                                                          \
		bpf_probe_read_kernel(&v_, sizeof(v_), (p));                                  \
		v_;                                                                           \
	})
#define CHAIN1(p, a) PROBE_READ(p, a)
#define CHAIN2(p, a, b) PROBE_READ(CHAIN1(p, a), b)
#define CHAIN3(p, a, b, c) PROBE_READ(CHAIN2(p, a, b), c)
#define CHAIN4(p, a, b, c, d) PROBE_READ(CHAIN3(p, a, b, c), d)
#endif

/* READ_BIT reads a field that is a single bit, of a byte on a little-endian machine. The
 * numbers are those of its place: offset and size of what it is in, and shifts. */
#define READ_BIT(p, field)                                                                    \
	({                                                                                    \
		typeof(p) p_ = (p);                                                           \
		u64 v_ = 0;                                                                   \
		bpf_probe_read_kernel(&v_, __builtin_preserve_field_info(p_->field, 1),       \
				      (void *)p_ + __builtin_preserve_field_info(p_->field, 0)); \
		v_ << __builtin_preserve_field_info(p_->field, 4) >>                          \
			__builtin_preserve_field_info(p_->field, 5);                          \
	})

#define container_of(p, type, field) ((type *)((void *)(p) - bpf_core_field_offset(type, field)))
