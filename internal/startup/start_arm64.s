// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// Where the kernel starts the program, in place of the function of that name in package
// runtime (runtime, rt0_linux_arm64.s, 1.26), which the linker leaves out as a duplicate of
// the first. It calls fcntl(1, F_GETFD) and fcntl(2, F_GETFD), ends the program if
// prlimit(0, RLIMIT_AS) leaves it less than leastSpace, and goes on as the other does.
TEXT _rt0_arm64_linux(SB),NOSPLIT|NOFRAME|DUPOK,$0
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
	MOVD	$9, R1
	MOVD	$0, R2
	MOVD	$·space(SB), R3
	SVC
	CBNZ	R0, enough // unknown
	MOVD	·space(SB), R0
	MOVD	·leastSpace(SB), R1
	CMP	R1, R0
	BHS	enough
	MOVD	$64, R8
	MOVD	$2, R0
	MOVD	·tooSmall+0(SB), R1
	MOVD	·tooSmall+8(SB), R2
	SVC
	MOVD	$1, R0
	MOVD	16(RSP), R1 // the first argument, if there is one
	CBZ	R1, end
	MOVD	(R1), R1
	LSL	$8, R1, R1
	MOVD	·doctor(SB), R2
	CMP	R1, R2
	BNE	end
	MOVD	$3, R0
end:
	MOVD	$94, R8
	SVC
enough:
	JMP	_rt0_arm64(SB)
