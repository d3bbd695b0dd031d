// SPDX-License-Identifier: Apache-2.0

#include "go_asm.h"
#include "textflag.h"

// Where the kernel starts the program, in place of the function of that name in package
// runtime (runtime, rt0_linux_amd64.s, 1.26), which the linker leaves out as a duplicate of
// the first. It has the runtime print by onWrite and record no allocations, calls fcntl(1, F_GETFD) and
// fcntl(2, F_GETFD), takes stack for a stack if prlimit(0, RLIMIT_STACK) leaves it less
// than leastStack and there is no C, and goes on as the other does.
TEXT _rt0_amd64_linux(SB),NOSPLIT|DUPOK,$-8
	LEAQ	8(SP), AX
	MOVQ	AX, ·argv(SB)
	MOVQ	·onWrite(SB), AX
	MOVQ	AX, runtime·overrideWrite(SB)
	MOVQ	·profileRate(SB), AX
	MOVQ	$0, (AX)

	MOVL	$72, AX
	MOVL	$1, DI
	MOVL	$1, SI
	SYSCALL
	MOVQ	AX, ·stdout(SB)
	MOVL	$72, AX
	MOVL	$2, DI
	SYSCALL
	MOVQ	AX, ·stderr(SB)

	MOVL	$302, AX
	MOVL	$0, DI
	MOVL	$3, SI
	MOVL	$0, DX
	LEAQ	·stackLimit(SB), R10
	SYSCALL
	MOVQ	0(SP), DI
	LEAQ	8(SP), SI
	TESTQ	AX, AX
	JNE	enough // unknown
	MOVQ	·stackLimit(SB), AX
	CMPQ	AX, ·leastStack(SB)
	JCC	enough // as numbers without a sign
	MOVQ	_cgo_init(SB), AX
	TESTQ	AX, AX
	JNE	enough // as C compares the stack with what the kernel made
	LEAQ	·stack+const_stackSize(SB), SP
enough:
	JMP	runtime·rt0_go(SB)
