// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// progAttr is the part of union bpf_attr for BPF_PROG_LOAD (include/uapi/linux/bpf.h)
// that Linux 5.10 has.
type progAttr struct {
	progType, insnCount uint32
	insns               *byte
	license             *byte
	logLevel, logSize   uint32
	logBuf              *byte
	kernVersion, flags  uint32
	name                [unix.BPF_OBJ_NAME_LEN]byte
	ifindex, attachType uint32
	btfFD, funcInfoSize uint32
	funcInfo            *byte
	funcCount, lineSize uint32
	lineInfo            *byte
	lineCount, attachID uint32
	attachFD, _         uint32
}

// btfAttr is the same for BPF_BTF_LOAD.
type btfAttr struct {
	btf, log          *byte
	size, logSize     uint32
	logLevel, padding uint32
}

// mapAttr is the part of union bpf_attr for BPF_MAP_CREATE that Linux 5.10 has, up to the name.
type mapAttr struct {
	mapType, keySize, valueSize, maxEntries uint32
	flags, innerFD, numaNode                uint32
	name                                    [unix.BPF_OBJ_NAME_LEN]byte
}

// createMap creates a map that can be mapped into memory (5.5). The library creates three others
// first, to find out what the kernel can, and looks for a BPF token in the mount table.
func createMap(spec *ebpf.MapSpec) (*ebpf.Map, error) {
	attr := mapAttr{
		mapType: uint32(spec.Type), keySize: spec.KeySize, valueSize: spec.ValueSize, maxEntries: spec.MaxEntries,
		flags: spec.Flags | unix.BPF_F_MMAPABLE,
	}
	copy(attr.name[:len(attr.name)-1], spec.Name)
	fd, err := bpf(unix.BPF_MAP_CREATE, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil {
		return nil, err
	}
	return ebpf.NewMapFromFD(fd)
}

// bpf makes the system call, again where a signal interrupted the verifier (bpf_check,
// kernel/bpf/verifier.c, 5.0): the Go runtime sends itself many.
func bpf(command int, attr unsafe.Pointer, size uintptr) (int, error) {
	const tries = 30
	for try := 1; ; try++ {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attr), size)
		switch {
		case errno == 0:
			return int(fd), nil
		case errno != unix.EAGAIN || try == tries:
			return -1, errno
		}
	}
}

// load relocates a program and loads it. It writes no verifier's log: a caller that
// needs the reason loads it again.
func (f *fewTypes) load(spec *ebpf.ProgramSpec, maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	insns := make(asm.Instructions, len(spec.Instructions))
	copy(insns, spec.Instructions)
	if err := f.relocate(insns); err != nil {
		return nil, err
	}
	if err := associate(insns, maps); err != nil {
		return nil, err
	}
	attachID, err := f.attachID(spec)
	if err != nil {
		return nil, err
	}
	funcs, err := funcInfoOf(insns)
	if err != nil {
		return nil, err
	}
	var code bytes.Buffer
	if err := insns.Marshal(&code, binary.LittleEndian); err != nil {
		return nil, fmt.Errorf("marshal: %w", err)
	}
	p := program{
		name: spec.Name, license: spec.License, kind: spec.Type, attach: spec.AttachType, attachID: attachID, flags: spec.Flags,
		code: code.Bytes(),
	}
	if funcs != nil {
		p.functions, p.types = funcs.info, funcs.types
	}
	prog, err := loadProgram(&p)
	runtime.KeepAlive(maps)
	return prog, err
}

// program is what BPF_PROG_LOAD needs.
type program struct {
	name, license    string
	kind             ebpf.ProgramType
	attach           ebpf.AttachType
	attachID, flags  uint32
	code             []byte
	functions, types []byte // as in funcInfo
}

func loadProgram(p *program) (*ebpf.Program, error) {
	attr := progAttr{
		progType: uint32(p.kind), attachType: uint32(p.attach), attachID: p.attachID, flags: p.flags,
		insns: &p.code[0], insnCount: uint32(len(p.code) / insnSize),
		license: &append([]byte(p.license), 0)[0],
	}
	copy(attr.name[:len(attr.name)-1], p.name)
	if len(p.functions) > 0 {
		types, err := loadBTF(p.types)
		if err != nil {
			return nil, fmt.Errorf("load BTF of program: %w", err)
		}
		defer unix.Close(types)
		attr.btfFD, attr.funcInfo, attr.funcInfoSize = uint32(types), &p.functions[0], funcInfoSize
		attr.funcCount = uint32(len(p.functions) / funcInfoSize)
	}
	fd, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(p)
	if err != nil {
		return nil, fmt.Errorf("load program: %w", err)
	}
	return ebpf.NewProgramFromFD(fd)
}

const insnSize = asm.InstructionSize

// associate puts the maps into the instructions that refer to them.
func associate(insns asm.Instructions, maps map[string]*ebpf.Map) error {
	for iter := insns.Iterate(); iter.Next(); {
		if name := iter.Ins.Reference(); name != "" && iter.Ins.IsLoadFromMap() {
			m := maps[name]
			if m == nil {
				return fmt.Errorf("no map %s", name)
			}
			if err := iter.Ins.AssociateMap(m); err != nil {
				return fmt.Errorf("map %s: %w", name, err)
			}
		}
	}
	return nil
}

// funcInfoSize is the size of struct bpf_func_info.
const funcInfoSize = 8

// funcInfo is what the kernel gets of the functions of a program.
type funcInfo struct {
	info  []byte // a struct bpf_func_info each
	types []byte // their types, as BTF
}

// static is the type that every static function gets: the kernel looks at no more than
// that it is static.
var static = &btf.FuncProto{Return: &btf.Void{}}

// funcInfoOf returns the functions of a program that has the address of one, which the
// kernel requires there (check_ld_imm, kernel/bpf/verifier.c, 5.13), or a global one,
// which the kernel then verifies only once (do_check_subprogs, 5.6). It returns nil for
// any other program.
func funcInfoOf(insns asm.Instructions) (*funcInfo, error) {
	var b btf.Builder
	f := &funcInfo{}
	needed := false
	for iter := insns.Iterate(); iter.Next(); {
		needed = needed || iter.Ins.IsLoadOfFunctionPointer()
		fn := btf.FuncMetadata(iter.Ins)
		switch {
		case fn == nil:
			continue
		case iter.Index == 0 || fn.Linkage == btf.StaticFunc:
			fn = &btf.Func{Name: fn.Name, Type: static, Linkage: btf.StaticFunc}
		default:
			needed = true
		}
		id, err := b.Add(fn)
		if err != nil {
			return nil, fmt.Errorf("type of function: %w", err)
		}
		f.info = binary.LittleEndian.AppendUint32(f.info, uint32(iter.Offset))
		f.info = binary.LittleEndian.AppendUint32(f.info, uint32(id))
	}
	if !needed {
		return nil, nil
	}
	var err error
	if f.types, err = b.Marshal(nil, nil); err != nil {
		return nil, fmt.Errorf("types of functions: %w", err)
	}
	return f, nil
}

func loadBTF(raw []byte) (int, error) {
	attr := btfAttr{btf: &raw[0], size: uint32(len(raw))}
	return bpf(unix.BPF_BTF_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr)-4)
}
