// SPDX-License-Identifier: Apache-2.0

// Package tinyelf makes static programs for x86 out of nothing but machine code.
// For tests only.
package tinyelf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

const loadedAt = 0x400000

// AMD64 returns the code as an ELF file for x86-64. It runs from its first byte.
func AMD64(code []byte) []byte {
	const head = 64 + 56
	all := uint64(head + len(code))
	return file(code, elf.Header64{
		Ident: ident(elf.ELFCLASS64), Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1,
		Entry: loadedAt + head, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}, elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: loadedAt, Filesz: all, Memsz: all, Align: 4096})
}

// I386 returns the code as an ELF file for i386. It runs from its first byte.
func I386(code []byte) []byte {
	const head = 52 + 32
	all := uint32(head + len(code))
	return file(code, elf.Header32{
		Ident: ident(elf.ELFCLASS32), Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_386), Version: 1,
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
