// SPDX-License-Identifier: Apache-2.0

// Package tinyelf makes static programs out of nothing but machine code.
// For tests only.
package tinyelf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

const loadedAt = 0x400000

// AMD64 returns the code as an ELF file for x86-64. It runs from its first byte.
func AMD64(code []byte) []byte { return file64(elf.EM_X86_64, code) }

// I386 returns the code as an ELF file for i386. It runs from its first byte.
func I386(code []byte) []byte { return file32(elf.EM_386, 0, code) }

// ARM64 returns the instructions as an ELF file for arm64. It runs from the first one.
func ARM64(code ...uint32) []byte { return file64(elf.EM_AARCH64, instructions(code)) }

// ARM returns the instructions as an ELF file for 32-bit ARM. It runs from the first one.
func ARM(code ...uint32) []byte {
	const eabi = 5 << 24 // without it, arm64 does not run the file (compat_elf_check_arch, arch/arm64/include/asm/elf.h, 6.18)
	return file32(elf.EM_ARM, eabi, instructions(code))
}

func instructions(code []uint32) (b []byte) {
	for _, c := range code {
		b = binary.LittleEndian.AppendUint32(b, c)
	}
	return b
}

func file64(machine elf.Machine, code []byte) []byte {
	const head = 64 + 56
	all := uint64(head + len(code))
	return file(code, elf.Header64{
		Ident: ident(elf.ELFCLASS64), Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1,
		Entry: loadedAt + head, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: loadedAt, Filesz: all, Memsz: all, Align: 4096})
}

func file32(machine elf.Machine, flags uint32, code []byte) []byte {
	const head = 52 + 32
	all := uint32(head + len(code))
	return file(code, elf.Header32{
		Ident: ident(elf.ELFCLASS32), Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Flags: flags,
		Entry: loadedAt + head, Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 1,
	}, elf.Prog32{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: loadedAt, Filesz: all, Memsz: all, Align: 4096})
}

func file(code []byte, headers ...any) []byte {
	var b bytes.Buffer
	for _, h := range headers {
		_ = binary.Write(&b, binary.LittleEndian, h) // cannot fail: fixed sizes, into memory
	}
	b.Write(code)
	return b.Bytes()
}

func ident(class elf.Class) (id [elf.EI_NIDENT]byte) {
	copy(id[:], elf.ELFMAG)
	id[elf.EI_CLASS], id[elf.EI_DATA], id[elf.EI_VERSION] = byte(class), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	return id
}
