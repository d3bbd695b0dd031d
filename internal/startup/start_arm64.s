// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// Where the kernel starts the program, in place of the function of that name in package
// runtime (runtime, rt0_linux_arm64.s, 1.26), which the linker leaves out as a duplicate of
// the first. It calls fcntl(1, F_GETFD) and fcntl(2, F_GETFD), and goes on as the other does.
TEXT _rt0_arm64_linux(SB),NOSPLIT|NOFRAME|DUPOK,$0
	MOVD	$25, R8
	MOVD	$1, R0
	MOVD	$1, R1
	SVC
	MOVD	R0, ·stdout(SB)
	MOVD	$2, R0
	SVC
	MOVD	R0, ·stderr(SB)
	JMP	_rt0_arm64(SB)
