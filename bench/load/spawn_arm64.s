// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func spawn(b *board) (pid int)
//
// See spawn_amd64.s. arm64 has no pause(2): ppoll with nothing to wait for.
//
//	R19 board   R22 how many are left   R23 where the next one is
//	R20 whose child this process must still be
//	R21 0 in the first process until it has made its calls
TEXT ·spawn(SB), NOSPLIT, $0-16
	MOVD b+0(FP), R19
	MOVD $17, R0   // SIGCHLD: a process of its own
	MOVD $0, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $220, R8  // clone
	SVC
	CBZ  R0, first
	MOVD R0, pid+8(FP)
	RET

first:
	MOVD $0, R21
	MOVD 0(R19), R20 // board.parent

child:
	// End with the parent, also when it ended before this call.
	MOVD $1, R0    // PR_SET_PDEATHSIG
	MOVD $9, R1    // SIGKILL
	MOVD $167, R8  // prctl
	SVC
	MOVD $173, R8  // getppid
	SVC
	CMP  R0, R20
	BNE  orphan
	CBNZ R21, threads

	MOVD 40(R19), R23 // board.calls
	MOVD 48(R19), R22 // board.ncalls
call:
	CBZ  R22, others
	MOVD 0(R23), R8
	MOVD 8(R23), R0
	MOVD 16(R23), R1
	MOVD 24(R23), R2
	SVC
	MOVD R0, 0(R23)
	ADD  $32, R23
	SUB  $1, R22
	B    call

others:
	MOVD $172, R8 // getpid
	SVC
	MOVD R0, R20
	MOVD $1, R21
	MOVD 8(R19), R22  // board.others
	MOVD 56(R19), R23 // board.pids
fork:
	CBZ  R22, threads
	MOVD $17, R0  // SIGCHLD
	MOVD $0, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $220, R8 // clone
	SVC
	CBZ  R0, child
	MOVW R0, 0(R23)
	ADD  $4, R23
	SUB  $1, R22
	B    fork

threads:
	MOVD 16(R19), R22 // board.threads
more:
	SUB  $1, R22
	CMP  $0, R22
	BLE  ready
	MOVD $0x50f00, R0 // CLONE_VM|FS|FILES|SIGHAND|THREAD|SYSVSEM
	MOVD $0, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $220, R8  // clone
	SVC
	CBZ  R0, forever
	CMP  $0, R0
	BGT  more
	MOVD R0, 32(R19) // board.failed
	B    more

ready:
	MOVD 24(R19), R0 // board.ready
	MOVD $57, R8     // close
	SVC

forever:
	MOVD $0, R0
	MOVD $0, R1
	MOVD $0, R2
	MOVD $0, R3
	MOVD $0, R4
	MOVD $73, R8   // ppoll
	SVC
	B    forever

orphan:
	MOVD $0, R0
	MOVD $94, R8   // exit_group
	SVC
	B    orphan
