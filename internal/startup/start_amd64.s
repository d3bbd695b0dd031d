// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// Where the kernel starts the program, in place of the function of that name in package
// runtime (runtime, rt0_linux_amd64.s, 1.26), which the linker leaves out as a duplicate of
// the first. It calls fcntl(1, F_GETFD) and fcntl(2, F_GETFD), ends the program if
// prlimit(0, RLIMIT_AS) leaves it less than leastSpace, and goes on as the other does.
TEXT _rt0_amd64_linux(SB),NOSPLIT|DUPOK,$-8
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
	MOVL	$9, SI
	MOVL	$0, DX
	LEAQ	·space(SB), R10
	SYSCALL
	TESTQ	AX, AX
	JNE	enough // unknown
	MOVQ	·space(SB), AX
	CMPQ	AX, ·leastSpace(SB)
	JCC	enough // as numbers without a sign
	MOVL	$1, AX
	MOVL	$2, DI
	MOVQ	·tooSmall+0(SB), SI
	MOVQ	·tooSmall+8(SB), DX
	SYSCALL
	MOVL	$1, DI
	MOVQ	16(SP), AX // the first argument, if there is one
	TESTQ	AX, AX
	JEQ	end
	MOVQ	(AX), AX
	SHLQ	$8, AX
	CMPQ	AX, ·doctor(SB)
	JNE	end
	MOVL	$3, DI
end:
	MOVL	$231, AX
	SYSCALL
enough:
	JMP	_rt0_amd64(SB)
