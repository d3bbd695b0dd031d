// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
)

// hook is a program and what it is attached to: a raw tracepoint, functions, or nothing
// of both where it was loaded for its place.
type hook struct {
	program, tracepoint string
	functions           []string
	returns             bool // of the functions, not their entries
	spare               bool // where it is skipped, no call is lost for that
}

func (h hook) attach(programs *ebpf.Collection) (link.Link, error) {
	prog := programs.Programs[h.program]
	var l link.Link
	var err error
	switch {
	case h.tracepoint != "":
		l, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: h.tracepoint, Program: prog})
	case h.returns:
		l, err = link.KretprobeMulti(prog, link.KprobeMultiOptions{Symbols: h.functions})
	case h.functions != nil:
		l, err = link.KprobeMulti(prog, link.KprobeMultiOptions{Symbols: h.functions})
	default:
		l, err = link.AttachTracing(link.TracingOptions{Program: prog})
	}
	if err != nil {
		return nil, fmt.Errorf("attach program %s: %w", h.program, err)
	}
	return l, nil
}

// loadTyped loads programs that know the kernel's types: those that choose returns,
// which may change the object's and add to them.
func loadTyped(o Options, choose func(*bpfreader.ObjectFile) ([]hook, error)) (*ebpf.Collection, []hook, error) {
	object, err := bpfreader.OpenObjectFile(bpfreader.ObjectFileOptions{
		New: loadCalls, Old: loadOldCalls, IDs: slices.Concat(callFunctions, taskFunctions), TypesDir: o.typesDir,
	})
	if err != nil {
		return nil, nil, err
	}
	level, err := readerLevel(object)
	if err != nil {
		return nil, nil, err
	}
	hooks, err := choose(object)
	if err != nil {
		return nil, nil, err
	}
	if err := set(object.Spec, map[string]any{callsVarFollow: flag(o.Follow), callsVarReaderLevel: level, callsVarEntriesMissed: flag(preemptible()),
		callsVarIdentify: flag(o.Identify), callsVarCgroupHierarchy: uint32(o.Hierarchy)}); err != nil {
		return nil, nil, err
	}
	if !o.Follow {
		object.Spec.Maps[callsMapFollowed].MaxEntries = 1 // not used, and preallocated
	}
	if err := prepare(object.Spec, o, hooks); err != nil {
		return nil, nil, err
	}
	programs, err := withMemlock(object.Collection)
	return programs, hooks, err
}

// loadPlain loads programs that know no types.
func loadPlain(o Options) (*ebpf.Collection, []hook, error) {
	spec, err := loadPlainCalls()
	if err != nil {
		return nil, nil, fmt.Errorf("parse BPF object: %w", err)
	}
	st, err := pidNamespace()
	if err != nil {
		return nil, nil, err
	}
	hooks := []hook{{program: plainCallsProgPlainExit, tracepoint: "sys_exit"}, {program: plainCallsProgPlainEnter, tracepoint: "sys_enter"}}
	err = set(spec, map[string]any{
		plainCallsVarArm64: flag(runtime.GOARCH == "arm64"), plainCallsVarPidnsDev: st.Dev,
		plainCallsVarReaderLevel: flag(st.Ino != initialPIDNamespace),
	})
	if err != nil {
		return nil, nil, err
	}
	if err := prepare(spec, o, hooks); err != nil {
		return nil, nil, err
	}
	programs, err := withMemlock(func() (*ebpf.Collection, error) { return ebpf.NewCollection(spec) })
	return programs, hooks, err
}

// prepare sets what both sorts of programs have, and leaves those of the hooks.
func prepare(spec *ebpf.CollectionSpec, o Options, hooks []hook) error {
	used := map[string]*ebpf.ProgramSpec{}
	for _, h := range hooks {
		used[h.program] = spec.Programs[h.program]
	}
	spec.Programs = used
	spec.Maps[callsMapEvents].MaxEntries = uint32(o.Buffer)
	spec.Maps[sharedMap].Flags |= unix.BPF_F_MMAPABLE // 5.5
	if err := configure(spec, o); err != nil {
		return err
	}
	if err := bake(spec); err != nil {
		return err
	}
	ownScratch(spec)
	return nil
}

// withMemlock loads programs, again with another limit of memory if that is in the way.
func withMemlock(load func() (*ebpf.Collection, error)) (*ebpf.Collection, error) {
	programs, err := load()
	if errors.Is(err, unix.EPERM) && bpfreader.RaiseMemlock() == nil {
		programs, err = load()
	}
	if err != nil {
		return nil, fmt.Errorf("load BPF programs: %w", err)
	}
	return programs, nil
}

// bake puts the variables into the maps that they are of. Otherwise the loader maps
// those into memory, where they stay, and with them the maps in the kernel, until
// the garbage collector finds them.
func bake(spec *ebpf.CollectionSpec) error {
	for name, v := range spec.Variables {
		if v.Value == nil {
			continue // zero
		}
		m := spec.Maps[v.SectionName]
		if m == nil || len(m.Contents) != 1 {
			return fmt.Errorf("set %s: no section %s", name, v.SectionName)
		}
		data, ok := m.Contents[0].Value.([]byte)
		if !ok || int(v.Offset)+len(v.Value) > len(data) {
			return fmt.Errorf("set %s: it is not in section %s", name, v.SectionName)
		}
		copy(data[v.Offset:], v.Value)
	}
	spec.Variables = nil
	return nil
}

// configure sets the constants that all programs have.
func configure(spec *ebpf.CollectionSpec, o Options) error {
	want := callsFilter{
		Pid: uint32(o.Filter.PID), Failed: flag(o.Filter.Failed), Comm: flag(o.Filter.Comm != ""),
		NsInode: uint32(o.Filter.NS.Inode), NsCookie: o.Filter.NS.Cookie,
	}
	copy(want.Name[:], o.Filter.Comm)
	for _, uid := range o.Filter.UIDs {
		want.Uids[want.UidCount] = uint32(uid)
		want.UidCount++
	}
	for _, t := range o.Filter.Types {
		want.Flags |= uint64(FlagOf(t))
	}
	st, err := pidNamespace()
	if err != nil {
		return err
	}
	return set(spec, map[string]any{
		callsVarNative: nativeNumbers, callsVarCompat: compatNumbers, callsVarEventFilter: want,
		callsVarOwnTgid: uint32(os.Getpid()), callsVarWakeupThreshold: o.wakeAt, callsVarReaderPidns: uint32(st.Ino),
	})
}

var errNoVariable = errors.New("no such variable in the BPF object")

// set sets constants of the programs. It returns errNoVariable for one that they have not.
func set(spec *ebpf.CollectionSpec, values map[string]any) error {
	var errs []error
	for name, value := range values {
		err := errNoVariable
		if v := spec.Variables[name]; v != nil {
			err = v.Set(value)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("set %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// initialPIDNamespace is PROC_PID_INIT_INO of include/uapi/linux/nsfs.h (6.18),
// the same since Linux 3.8.
const initialPIDNamespace = 0xEFFFFFFC

// pidNamespace returns the file of the PID namespace whose numbers events have.
func pidNamespace() (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		return st, fmt.Errorf("read own PID namespace: %w", err)
	}
	return st, nil
}

// readerLevel returns how deep our PID namespace is nested.
func readerLevel(object *bpfreader.ObjectFile) (level uint32, err error) {
	st, err := pidNamespace()
	if err != nil || st.Ino == initialPIDNamespace {
		return 0, err
	}
	spec := object.Spec
	maps, err := ebpf.NewCollection(&ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{".bss": spec.Maps[".bss"]}, ByteOrder: spec.ByteOrder})
	if err != nil {
		return 0, fmt.Errorf("create BPF map: %w", err)
	}
	defer maps.Close()
	prog, err := object.Load(spec.Programs[callsProgReadLevel], maps.Maps)
	if err != nil {
		return 0, fmt.Errorf("load BPF program: %w", err)
	}
	defer prog.Close()
	if _, err := prog.Run(&ebpf.RunOptions{}); err != nil {
		return 0, fmt.Errorf("run BPF program: %w", err)
	}
	variables, err := maps.Maps[".bss"].LookupBytes(uint32(0))
	if err != nil {
		return 0, fmt.Errorf("read level of PID namespace: %w", err)
	}
	return binary.NativeEndian.Uint32(variables[spec.Variables[callsVarCurrentLevel].Offset:]), nil
}
