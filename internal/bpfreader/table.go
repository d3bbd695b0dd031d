// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"

	"github.com/cilium/ebpf"

	"github.com/nsinspect/nsinspect/internal/smallbtf"
)

// table is what loading the programs of an object needs, without Options.Relations, as it was
// when the object was compiled, so that no ELF file is parsed at every start: TestTable makes
// it of the object.
type table struct {
	data        *string // code, functions and types of all programs
	maps        []ebpf.MapSpec
	variables   []tableVariable
	relocations []smallbtf.Relocation
	programs    []tableProgram
}

type tableVariable struct {
	name string
	variable
}

// span is a part of table.data.
type span struct{ from, to uint32 }

// tableProgram is a program. Its code has zeros for what depends on the kernel and the maps.
type tableProgram struct {
	name, license, attachTo string
	kind                    ebpf.ProgramType
	attach                  ebpf.AttachType
	code                    span
	functions, types        span     // struct bpf_func_info, and their BTF; empty if none are needed
	maps                    []use    // by place in table.maps
	relocations             []use    // by place in table.relocations
	calls                   []uint16 // of castFunc
}

func (t *table) bytes(s span) []byte { return []byte((*t.data)[s.from:s.to]) }

// use is an instruction, and what it is about. Instructions count as the kernel counts
// them: some are two.
type use struct{ at, of uint16 }

// loader loads programs of a table for this kernel.
type loader struct {
	table  *table
	types  *smallbtf.Index // without what it was read from: for numbers alone
	fixups []smallbtf.Fixup
}

// newLoader reads the kernel's types, and those of modules, as far as the table needs them.
func newLoader(t *table, dir string, modules []string) (*loader, error) {
	raw, unmap, err := mapFile(dir + "/" + kernelFile)
	if err != nil {
		return nil, err
	}
	defer unmap()
	var more [][]byte
	for _, name := range modules {
		module, err := os.ReadFile(dir + "/" + name)
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		if err == nil {
			more = append(more, module)
		}
	}
	ids := []string{castFunc}
	for i := range t.programs {
		if _, name := t.programs[i].target(); name != "" {
			ids = append(ids, name)
		}
	}
	l := &loader{table: t}
	if l.types, err = smallbtf.NewIndex(raw, more, smallbtf.Names(t.relocations, ids...)); err != nil {
		return nil, err
	}
	if _, err := l.types.Func(castFunc); err != nil {
		return nil, err // a kernel for the other object
	}
	l.fixups, err = l.types.Resolve(t.relocations)
	return l, err
}

func (p *tableProgram) target() (typedef bool, name string) {
	return attachTarget(&ebpf.ProgramSpec{Type: p.kind, AttachType: p.attach, AttachTo: p.attachTo})
}

// createMaps creates the maps. All are variables, which are mapped into memory.
func (t *table) createMaps() (*ebpf.Collection, error) {
	c := &ebpf.Collection{Maps: make(map[string]*ebpf.Map, len(t.maps))}
	for i := range t.maps {
		m, err := createMap(&t.maps[i])
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("map %s: %w", t.maps[i].Name, err)
		}
		c.Maps[t.maps[i].Name] = m
	}
	return c, nil
}

// program returns a program of the table, or nil.
func (t *table) program(name string) *tableProgram {
	for i := range t.programs {
		if t.programs[i].name == name {
			return &t.programs[i]
		}
	}
	return nil
}

// load loads a program. It writes no verifier's log, as fewTypes.load.
func (l *loader) load(p *tableProgram, maps map[string]*ebpf.Map) (*ebpf.Program, error) {
	code, err := l.relocated(p)
	if err == nil {
		err = l.associate(code, p, maps)
	}
	if err != nil {
		return nil, err
	}
	var attachID uint32
	if typedef, name := p.target(); typedef {
		attachID, err = l.types.Typedef(name)
	} else if name != "" {
		attachID, err = l.types.Func(name)
	}
	if err != nil {
		return nil, err
	}
	loaded, err := loadProgram(&program{
		name: p.name, license: p.license, kind: p.kind, attach: p.attach, attachID: attachID,
		code: code, functions: l.table.bytes(p.functions), types: l.table.bytes(p.types),
	})
	runtime.KeepAlive(maps)
	return loaded, err
}

// relocated returns the instructions of a program for this kernel, without maps.
func (l *loader) relocated(p *tableProgram) ([]byte, error) {
	code := l.table.bytes(p.code)
	for _, u := range p.relocations {
		if err := apply(code[int(u.at)*insnSize:], l.fixups[u.of]); err != nil {
			return nil, fmt.Errorf("instruction %d: %w", u.at, err)
		}
	}
	cast, err := l.types.Func(castFunc)
	for _, at := range p.calls {
		binary.LittleEndian.PutUint32(code[int(at)*insnSize+4:], cast)
	}
	return code, err
}

// associate puts the maps into the instructions that refer to them.
func (l *loader) associate(code []byte, p *tableProgram, maps map[string]*ebpf.Map) error {
	for _, u := range p.maps {
		name := l.table.maps[u.of].Name
		if maps[name] == nil {
			return fmt.Errorf("no map %s", name)
		}
		binary.LittleEndian.PutUint32(code[int(u.at)*insnSize+4:], uint32(maps[name].FD()))
	}
	return nil
}
