// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func spawn(b *board) (pid int)
//
// What is forked here never returns into Go. It keeps its state in registers and on the
// board alone, so it can drop the rest of its memory, and one copied or shared
// stack does for all of them.
//
//	R12 board   R13 how many are left   BX where the next one is
//	R14 whose child this process must still be
//	R15 0 in the first process until it has made its calls
TEXT ·spawn(SB), NOSPLIT, $0-16
	MOVQ b+0(FP), R12
	MOVQ $17, DI  // SIGCHLD: a process of its own
	XORQ SI, SI
	XORQ DX, DX
	XORQ R10, R10
	XORQ R8, R8
	MOVQ $56, AX  // clone
	SYSCALL
	TESTQ AX, AX
	JEQ  first
	MOVQ AX, pid+8(FP)
	RET

first:
	XORQ R15, R15
	MOVQ 0(R12), R14 // board.parent

child:
	// End with the parent, also when it ended before this call.
	MOVQ $1, DI   // PR_SET_PDEATHSIG
	MOVQ $9, SI   // SIGKILL
	MOVQ $157, AX // prctl
	SYSCALL
	MOVQ $110, AX // getppid
	SYSCALL
	CMPQ AX, R14
	JNE  orphan
	TESTQ R15, R15
	JNE  threads

	MOVQ 40(R12), BX  // board.calls
	MOVQ 48(R12), R13 // board.ncalls
call:
	TESTQ R13, R13
	JEQ  others
	MOVQ 0(BX), AX
	MOVQ 8(BX), DI
	MOVQ 16(BX), SI
	MOVQ 24(BX), DX
	SYSCALL
	MOVQ AX, 0(BX)
	ADDQ $32, BX
	DECQ R13
	JMP  call

others:
	MOVQ $39, AX // getpid
	SYSCALL
	MOVQ AX, R14
	MOVQ $1, R15
	MOVQ 8(R12), R13 // board.others
	MOVQ 56(R12), BX // board.pids
fork:
	TESTQ R13, R13
	JEQ  threads
	MOVQ $17, DI  // SIGCHLD
	XORQ SI, SI
	XORQ DX, DX
	XORQ R10, R10
	XORQ R8, R8
	MOVQ $56, AX  // clone
	SYSCALL
	TESTQ AX, AX
	JEQ  child
	MOVL AX, 0(BX)
	ADDQ $4, BX
	DECQ R13
	JMP  fork

threads:
	MOVQ 16(R12), R13 // board.threads
more:
	DECQ R13
	JLE  ready
	MOVQ $0x50f00, DI // CLONE_VM|FS|FILES|SIGHAND|THREAD|SYSVSEM
	XORQ SI, SI
	XORQ DX, DX
	XORQ R10, R10
	XORQ R8, R8
	MOVQ $56, AX  // clone
	SYSCALL
	TESTQ AX, AX
	JEQ  forever
	JGT  more
	MOVQ AX, 32(R12) // board.failed
	JMP  more

ready:
	MOVQ 24(R12), DI // board.ready
	MOVQ $3, AX      // close
	SYSCALL

forever:
	MOVQ $34, AX  // pause
	SYSCALL
	JMP  forever

orphan:
	XORQ DI, DI
	MOVQ $231, AX // exit_group
	SYSCALL
	JMP  orphan
