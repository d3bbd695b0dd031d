// SPDX-License-Identifier: Apache-2.0

// Command trimobject takes out of BPF objects what loading them does not need: the line
// information of .BTF.ext, which maps each instruction to its source. The loader decodes
// that at every start of the program, and only the verifier's log shows it. The files
// keep their size; what is read of them is less.
package main

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

func main() {
	for _, path := range os.Args[1:] {
		if err := trim(path); err != nil {
			fmt.Fprintf(os.Stderr, "trim %s: %v\n", path, err)
			os.Exit(1)
		}
	}
}

// Offsets in struct btf_ext_header (tools/lib/bpf/libbpf_internal.h, 6.18).
const (
	headerLength = 4
	lineOffset   = 16
	lineLength   = 20
	headerSize   = 24
)

// recordSize is what the line information of a program without any begins with, and all
// that is left of it.
const recordSize = 4

func trim(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return err
	}
	section := f.Section(".BTF.ext")
	order := f.ByteOrder
	f.Close()
	raw, err := os.ReadFile(path)
	switch {
	case err != nil:
		return err
	case section == nil:
		return errors.New("no section .BTF.ext")
	case section.Offset+section.Size > uint64(len(raw)) || section.Size < headerSize:
		return errors.New("section .BTF.ext is cut off")
	}
	if err := empty(raw[section.Offset:][:section.Size], order); err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o644)
}

// empty leaves no line information in a .BTF.ext section.
func empty(ext []byte, order binary.ByteOrder) error {
	start := uint64(order.Uint32(ext[headerLength:])) + uint64(order.Uint32(ext[lineOffset:]))
	length := uint64(order.Uint32(ext[lineLength:]))
	if length < recordSize || start+length > uint64(len(ext)) {
		return errors.New("line information is cut off")
	}
	order.PutUint32(ext[lineLength:], recordSize)
	clear(ext[start+recordSize : start+length])
	return nil
}
