// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func spawn(keep, threads uintptr) (pid uintptr)
//
// See spawn_amd64.s. arm64 has no pause(2): ppoll with nothing to wait for.
TEXT ·spawn(SB), NOSPLIT, $0-24
	MOVD keep+0(FP), R19
	MOVD threads+8(FP), R20
	MOVD $17, R0   // SIGCHLD: a process of its own
	MOVD $0, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $220, R8  // clone
	SVC
	CBZ  R0, child
	MOVD R0, pid+16(FP)
	RET

child:
	MOVD $1, R0    // PR_SET_PDEATHSIG
	MOVD $9, R1    // SIGKILL
	MOVD $167, R8  // prctl
	SVC
	MOVD R19, R0
	MOVD $0xffffffff, R1
	MOVD $0, R2
	MOVD $436, R8  // close_range
	SVC

more:
	SUB  $1, R20
	CMP  $0, R20
	BLE  forever
	MOVD $0x50f00, R0 // CLONE_VM|FS|FILES|SIGHAND|THREAD|SYSVSEM
	MOVD $0, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $220, R8  // clone
	SVC
	CBNZ R0, more

forever:
	MOVD $0, R0
	MOVD $0, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $73, R8   // ppoll
	SVC
	JMP  forever
