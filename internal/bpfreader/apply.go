// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/nsinspect/nsinspect/internal/smallbtf"
)

var errTooLarge = errors.New("relocated number is too large")

// apply changes an instruction, which raw begins with, as COREFixup.Apply does
// (cilium/ebpf, btf/core.go, v0.22): what does not exist becomes a call of a function that
// does not exist either, which the verifier takes where it is never reached.
func apply(raw []byte, f smallbtf.Fixup) error {
	op := asm.OpCode(raw[0])
	switch {
	case f.Poison && op.IsDWordLoad():
		writeInsn(raw, op, byte(asm.R10), btf.COREBadRelocationSentinel)
		writeInsn(raw[insnSize:], 0, 0, 0)
		return nil
	case f.Poison:
		writeInsn(raw, asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), 0, btf.COREBadRelocationSentinel)
		return nil
	}
	switch op.Class() {
	case asm.LdXClass, asm.StClass, asm.StXClass:
		if f.Value > math.MaxInt16 {
			return errTooLarge
		}
		binary.LittleEndian.PutUint16(raw[2:], uint16(f.Value))
	case asm.LdClass:
		if !op.IsDWordLoad() {
			return errors.New("relocation of another load")
		}
		binary.LittleEndian.PutUint32(raw[4:], uint32(f.Value))
		binary.LittleEndian.PutUint32(raw[insnSize+4:], uint32(f.Value>>32))
	case asm.ALUClass, asm.ALU64Class:
		if op.Source() != asm.ImmSource || op.Class() == asm.ALUClass && op.ALUOp() == asm.Swap {
			return errors.New("relocation of an operand that is not a number")
		}
		if f.Value > math.MaxInt32 {
			return errTooLarge
		}
		binary.LittleEndian.PutUint32(raw[4:], uint32(f.Value))
	default:
		return errors.New("relocation of another instruction")
	}
	return nil
}

// writeInsn writes a struct bpf_insn (include/uapi/linux/bpf.h, 6.18), without offset.
func writeInsn(raw []byte, op asm.OpCode, registers byte, number uint32) {
	raw[0], raw[1] = byte(op), registers
	binary.LittleEndian.PutUint16(raw[2:], 0)
	binary.LittleEndian.PutUint32(raw[4:], number)
}
