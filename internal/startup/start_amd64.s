// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// Where the kernel starts the program, in place of the function of that name in package
// runtime (runtime, rt0_linux_amd64.s, 1.26), which the linker leaves out as a duplicate of
// the first. It calls fcntl(1, F_GETFD) and fcntl(2, F_GETFD), and goes on as the other does.
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
	JMP	_rt0_amd64(SB)
