// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func spawn(keep, threads uintptr) (pid uintptr)
//
// The child never returns into Go and touches no memory, so one copied or
// shared stack does for all of them: it closes every file descriptor from keep
// on, asks to be killed with the thread that made it, starts threads-1 more
// threads that do nothing, and pauses until killed.
TEXT ·spawn(SB), NOSPLIT, $0-24
	MOVQ keep+0(FP), R12
	MOVQ threads+8(FP), R13
	MOVQ $17, DI  // SIGCHLD: a process of its own
	XORQ SI, SI
	XORQ DX, DX
	XORQ R10, R10
	XORQ R8, R8
	MOVQ $56, AX  // clone
	SYSCALL
	TESTQ AX, AX
	JEQ  child
	MOVQ AX, pid+16(FP)
	RET

child:
	MOVQ $1, DI   // PR_SET_PDEATHSIG
	MOVQ $9, SI   // SIGKILL
	MOVQ $157, AX // prctl
	SYSCALL
	MOVQ R12, DI
	MOVQ $0xffffffff, SI
	XORQ DX, DX
	MOVQ $436, AX // close_range
	SYSCALL

more:
	DECQ R13
	JLE  forever
	MOVQ $0x50f00, DI // CLONE_VM|FS|FILES|SIGHAND|THREAD|SYSVSEM
	XORQ SI, SI
	XORQ DX, DX
	XORQ R10, R10
	XORQ R8, R8
	MOVQ $56, AX  // clone
	SYSCALL
	TESTQ AX, AX
	JNE  more

forever:
	MOVQ $34, AX  // pause
	SYSCALL
	JMP  forever
