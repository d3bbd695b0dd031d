// SPDX-License-Identifier: Apache-2.0

#include "go_asm.h"
#include "textflag.h"

// Where the kernel starts the program, in place of the function of that name in package
// runtime (runtime, rt0_linux_arm64.s, 1.26), which the linker leaves out as a duplicate of
// the first. It has the runtime print by onWrite and record no allocations, calls fcntl(1, F_GETFD) and
// fcntl(2, F_GETFD), takes stack for a stack if prlimit(0, RLIMIT_STACK) leaves it less
// than leastStack and there is no C, and goes on as the other does.
TEXT _rt0_arm64_linux(SB),NOSPLIT|NOFRAME|DUPOK,$0
	MOVD	RSP, R0
	ADD	$8, R0, R0
	MOVD	R0, ·argv(SB)
	MOVD	·onWrite(SB), R0
	MOVD	R0, runtime·overrideWrite(SB)
	MOVD	·profileRate(SB), R0
	MOVD	ZR, (R0)

	MOVD	$25, R8
	MOVD	$1, R0
	MOVD	$1, R1
	SVC
	MOVD	R0, ·stdout(SB)
	MOVD	$2, R0
	SVC
	MOVD	R0, ·stderr(SB)

	MOVD	$261, R8
	MOVD	$0, R0
	MOVD	$3, R1
	MOVD	$0, R2
	MOVD	$·stackLimit(SB), R3
	SVC
	MOVD	R0, R4
	MOVD	0(RSP), R0
	ADD	$8, RSP, R1
	CBNZ	R4, enough // unknown
	MOVD	·stackLimit(SB), R4
	MOVD	·leastStack(SB), R5
	CMP	R5, R4
	BHS	enough
	MOVD	_cgo_init(SB), R4
	CBNZ	R4, enough // as C compares the stack with what the kernel made
	MOVD	$·stack+const_stackSize(SB), R4
	AND	$~15, R4
	MOVD	R4, RSP
enough:
	JMP	runtime·rt0_go(SB)
