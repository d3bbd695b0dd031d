// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
)

// processExit forgets a task that ends.
var processExit = hook{program: callsProgProcessExit, spare: true}

// openCalls is tier 1: programs at the entry and the return of every system call,
// which turn all but four of them away at once, and where a task is made.
func openCalls(o Options) (backend, error) {
	programs, hooks, err := loadTyped(o, func(*bpfreader.ObjectFile) ([]hook, error) {
		return []hook{{program: callsProgNewtask}, {program: callsProgSysExit}, {program: callsProgSysEnter}, processExit}, nil
	})
	if err != nil {
		return nil, err
	}
	return record(programs, hooks)
}

// openFunctions is tier 2: the same at the functions that the four calls are, so
// that no other call is touched. A call whose entry is skipped is recorded in part when it
// returns.
func openFunctions(o Options) (backend, error) {
	programs, hooks, err := loadTyped(o, func(object *bpfreader.ObjectFile) ([]hook, error) {
		functions, err := functionsOf(object)
		if err != nil {
			return nil, err
		}
		hooks := []hook{{program: callsProgNewtask}}
		for _, function := range functions {
			name := addCopy(object.Spec, callsProgSysExit, ebpf.AttachTraceFExit, function)
			hooks = append(hooks, hook{program: name})
		}
		for _, function := range functions {
			name := addCopy(object.Spec, callsProgSysEnter, ebpf.AttachTraceFEntry, function)
			hooks = append(hooks, hook{program: name, spare: true})
		}
		return append(hooks, processExit), set(object.Spec, map[string]any{callsVarAtFunctions: flag(true)})
	})
	if err != nil {
		return nil, err
	}
	return record(programs, hooks)
}

// addCopy adds a copy of a program that is for a function, and returns its name.
func addCopy(spec *ebpf.CollectionSpec, program string, at ebpf.AttachType, function string) string {
	copied := spec.Programs[program].Copy()
	copied.AttachType, copied.AttachTo = at, function
	name := program + function
	spec.Programs[name] = copied
	return name
}

var errNoFunction = errors.New("not in the kernel's type information")

// functionsOf returns the functions of the calls that the kernel has: not every one
// has every ABI. It is an error if one of the native ABI is missing, as clone3 is in
// Debian's 6.1: its calls would not be recorded.
func functionsOf(object *bpfreader.ObjectFile) (functions []string, err error) {
	for i, function := range callFunctions {
		if object.HasFunc(function) {
			functions = append(functions, function)
		} else if i < nativeFunctions {
			return nil, fmt.Errorf("function %s: %w", function, errNoFunction)
		}
	}
	return functions, nil
}

const nativeFunctions = 4 // the first of callFunctions

// The functions that kprobes see a new task at, before it runs, and one that ends (see
// newtask and process_exit of bpf/trace/trace.bpf.c).
const (
	newtaskFunction = "uprobe_copy_process"
	exitFunction    = "exit_files"
)

var taskFunctions = []string{newtaskFunction, exitFunction}

// openProbes is tier 2 by kprobes, which take a few hundred nanoseconds more for a call than
// what is attached to one function does (fentry), but run while the task cannot be preempted.
func openProbes(o Options) (backend, error) {
	programs, hooks, err := loadTyped(o, func(object *bpfreader.ObjectFile) ([]hook, error) {
		functions, err := functionsOf(object)
		if err != nil {
			return nil, err
		}
		for _, function := range taskFunctions {
			if !object.HasFunc(function) {
				return nil, fmt.Errorf("function %s: %w", function, errNoFunction)
			}
		}
		hooks := []hook{
			{program: callsProgNewtask, functions: []string{newtaskFunction}},
			{program: callsProgSysExit, functions: functions, returns: true},
			{program: callsProgSysEnter, functions: functions, spare: true},
			{program: callsProgProcessExit, functions: []string{exitFunction}, spare: true},
		}
		for _, h := range hooks {
			p := object.Spec.Programs[h.program]
			p.Type, p.AttachType, p.AttachTo = ebpf.Kprobe, ebpf.AttachTraceKprobeMulti, ""
		}
		return hooks, set(object.Spec, map[string]any{callsVarByKprobe: flag(true), callsVarAtFunctions: flag(true)})
	})
	if err != nil {
		return nil, err
	}
	return record(programs, hooks)
}
