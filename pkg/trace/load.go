// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// loadPrograms loads the programs of tier 1 with what the options ask for.
func loadPrograms(o Options) (*ebpf.Collection, error) {
	cache := btf.NewCache()
	types, err := cache.Kernel()
	if err != nil {
		return nil, fmt.Errorf("read kernel type information (needs CONFIG_DEBUG_INFO_BTF): %w", err)
	}
	spec, err := parseObject(types)
	if err != nil {
		return nil, err
	}
	options := ebpf.CollectionOptions{Cache: cache}
	options.Programs.KernelTypes = types
	level, inode, err := readerLevel(spec, options)
	if err != nil {
		return nil, err
	}
	delete(spec.Programs, callsProgWhoami)
	if !o.Follow {
		delete(spec.Programs, callsProgProcessExit)
	}
	spec.Maps[callsMapEvents].MaxEntries = uint32(o.Buffer)
	if err := configure(spec, o, level, inode); err != nil {
		return nil, err
	}
	programs, err := ebpf.NewCollectionWithOptions(spec, options)
	if err != nil {
		return nil, fmt.Errorf("load BPF programs: %w", err)
	}
	return programs, nil
}

func parseObject(types *btf.Spec) (*ebpf.CollectionSpec, error) {
	parse := loadCalls
	var cast *btf.Func
	if types.TypeByName("bpf_rdonly_cast", &cast) != nil {
		parse = loadOldCalls // before Linux 6.2
	}
	spec, err := parse()
	if err != nil {
		return nil, fmt.Errorf("parse BPF object: %w", err)
	}
	return spec, nil
}

// configure sets the programs' constants.
func configure(spec *ebpf.CollectionSpec, o Options, level, inode uint32) error {
	yes := map[bool]uint32{true: 1}
	want := callsFilter{
		Pid: uint32(o.Filter.PID), Failed: yes[o.Filter.Failed], Comm: yes[o.Filter.Comm != ""],
		NsInode: uint32(o.Filter.NS.Inode), NsCookie: o.Filter.NS.Cookie,
	}
	copy(want.Name[:], o.Filter.Comm)
	for _, t := range o.Filter.Types {
		want.Flags |= uint64(FlagOf(t))
	}
	var errs []error
	for name, value := range map[string]any{
		callsVarNative: nativeNumbers, callsVarCompat: compatNumbers, callsVarWant: want,
		callsVarOwn: uint32(os.Getpid()), callsVarFollow: yes[o.Follow], callsVarWakeAt: uint32(o.Buffer / 4),
		callsVarReaderLevel: level, callsVarReaderPidns: inode,
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			errs = append(errs, fmt.Errorf("set %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// readerLevel returns how deep our PID namespace is nested, and its inode.
func readerLevel(spec *ebpf.CollectionSpec, options ebpf.CollectionOptions) (level, inode uint32, err error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		return 0, 0, fmt.Errorf("read own PID namespace: %w", err)
	}
	if st.Ino == initialPIDNamespace {
		return 0, uint32(st.Ino), nil
	}
	alone := *spec
	alone.Programs = map[string]*ebpf.ProgramSpec{callsProgWhoami: spec.Programs[callsProgWhoami]}
	alone.Maps = map[string]*ebpf.MapSpec{".bss": spec.Maps[".bss"]}
	alone.Variables = map[string]*ebpf.VariableSpec{callsVarLevel: spec.Variables[callsVarLevel]}
	got, err := ebpf.NewCollectionWithOptions(&alone, options)
	if err != nil {
		return 0, 0, fmt.Errorf("load BPF program: %w", err)
	}
	defer got.Close()
	if _, err := got.Programs[callsProgWhoami].Run(&ebpf.RunOptions{}); err != nil {
		return 0, 0, fmt.Errorf("run BPF program: %w", err)
	}
	if err := got.Variables[callsVarLevel].Get(&level); err != nil {
		return 0, 0, fmt.Errorf("read level of PID namespace: %w", err)
	}
	return level, uint32(st.Ino), nil
}

// initialPIDNamespace is PROC_PID_INIT_INO of include/uapi/linux/nsfs.h (6.18),
// the same since Linux 3.8.
const initialPIDNamespace = 0xEFFFFFFC
