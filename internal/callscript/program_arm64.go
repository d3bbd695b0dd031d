// SPDX-License-Identifier: Apache-2.0

package callscript

import (
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/tinyelf"
)

// native and old are the numbers of arm64 and of 32-bit ARM (arch/arm64/tools/syscall_32.tbl).
var (
	native = numbers{unix.SYS_EXIT, unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READLINKAT, unix.SYS_SOCKET, unix.SYS_GETSOCKOPT, unix.SYS_CLOSE}
	old    = numbers{1, 3, 4, 332, 281, 295, 6}
)

// program64 maps the script, which is file 3, and runs it. x19 is the step.
var program64 = tinyelf.ARM64(
	0xd2801bc8, // mov x8, #222 (mmap)
	0xd2a20000, // mov x0, #0x10000000 (base)
	0xd2a00201, // mov x1, #0x100000 (size)
	0xd2800062, // mov x2, #3 (PROT_READ|PROT_WRITE)
	0xd2800223, // mov x3, #0x11 (MAP_SHARED|MAP_FIXED)
	0xd2800064, // mov x4, #3
	0xd2800005, // mov x5, #0
	0xd4000001, // svc #0
	0xd2a20013, // mov x19, #0x10000000 (base)
	0xf9400268, // next: ldr x8, [x19]
	0xb7f801a8, // tbnz x8, #63, special
	0xa9408660, // ldp x0, x1, [x19, #8]
	0xa9418e62, // ldp x2, x3, [x19, #24]
	0xa9429664, // ldp x4, x5, [x19, #40]
	0xd4000001, // svc #0
	0xb50000a0, // cbnz x0, store
	0xf9402269, // ldr x9, [x19, #64]
	0xb4000069, // cbz x9, store
	0xaa0903f3, // mov x19, x9
	0x17fffff6, // b next
	0xf9001e60, // store: str x0, [x19, #56]
	0x91012273, // fall: add x19, x19, #72
	0x17fffff3, // b next
	0xb100051f, // special: cmn x8, #1
	0x540000e1, // b.ne copy
	0xf9400669, // ldr x9, [x19, #8]
	0xd1000529, // sub x9, x9, #1
	0xf9000669, // str x9, [x19, #8]
	0xb4ffff29, // cbz x9, fall
	0xf9402273, // ldr x19, [x19, #64]
	0x17ffffeb, // b next
	0xa940aa69, // copy: ldp x9, x10, [x19, #8]
	0xf9400129, // ldr x9, [x9]
	0xf9000149, // str x9, [x10]
	0x17fffff3, // b fall
)

// program32 does the same as a program of 32 bits. r8 is the step.
var program32 = tinyelf.ARM(
	0xe3a070c0, // mov r7, #192 (mmap2)
	0xe3a00201, // mov r0, #0x10000000 (base)
	0xe3a01601, // mov r1, #0x100000 (size)
	0xe3a02003, // mov r2, #3 (PROT_READ|PROT_WRITE)
	0xe3a03011, // mov r3, #0x11 (MAP_SHARED|MAP_FIXED)
	0xe3a04003, // mov r4, #3
	0xe3a05000, // mov r5, #0
	0xef000000, // svc #0
	0xe3a08201, // mov r8, #0x10000000 (base)
	0xe5987000, // next: ldr r7, [r8]
	0xe3570000, // cmp r7, #0
	0xba000011, // blt special
	0xe5980008, // ldr r0, [r8, #8]
	0xe5981010, // ldr r1, [r8, #16]
	0xe5982018, // ldr r2, [r8, #24]
	0xe5983020, // ldr r3, [r8, #32]
	0xe5984028, // ldr r4, [r8, #40]
	0xe5985030, // ldr r5, [r8, #48]
	0xef000000, // svc #0
	0xe1a0afc0, // asr r10, r0, #31
	0xe3500000, // cmp r0, #0
	0x1a000003, // bne store
	0xe5989040, // ldr r9, [r8, #64]
	0xe3590000, // cmp r9, #0
	0x11a08009, // movne r8, r9
	0x1affffee, // bne next
	0xe5880038, // store: str r0, [r8, #56]
	0xe588a03c, // str r10, [r8, #60]
	0xe2888048, // fall: add r8, r8, #72
	0xeaffffea, // b next
	0xe3770001, // special: cmn r7, #1
	0x1a000005, // bne copy
	0xe5989008, // ldr r9, [r8, #8]
	0xe2599001, // subs r9, r9, #1
	0xe5889008, // str r9, [r8, #8]
	0x0afffff7, // beq fall
	0xe5988040, // ldr r8, [r8, #64]
	0xeaffffe2, // b next
	0xe5989008, // copy: ldr r9, [r8, #8]
	0xe5999000, // ldr r9, [r9]
	0xe598a010, // ldr r10, [r8, #16]
	0xe58a9000, // str r9, [r10]
	0xeafffff0, // b fall
)
