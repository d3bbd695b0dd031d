// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
)

// openCalls is tier 1: programs at the entry and the return of every system call,
// which turn all but four of them away at once, and where a task is made.
func openCalls(o Options) (backend, error) {
	programs, hooks, err := loadTyped(o, func(*bpfreader.ObjectFile) []hook {
		return []hook{{program: callsProgNewtask}, {program: callsProgSysExit}, {program: callsProgSysEnter}}
	})
	if err != nil {
		return nil, err
	}
	return record(programs, hooks)
}

// openFunctions is tier 2: the same at the functions that the four calls are, so
// that no other call is touched.
func openFunctions(o Options) (backend, error) {
	none := false
	programs, hooks, err := loadTyped(o, func(object *bpfreader.ObjectFile) []hook {
		hooks := []hook{{program: callsProgNewtask}}
		for _, program := range []string{callsProgCallExit, callsProgCallEnter} {
			for _, function := range callFunctions {
				if !object.HasFunc(function) {
					continue // a kernel without that ABI
				}
				copied := object.Spec.Programs[program].Copy()
				copied.AttachTo = function
				name := program + function
				object.Spec.Programs[name] = copied
				hooks = append(hooks, hook{program: name})
			}
		}
		none = len(hooks) == 1
		return hooks
	})
	switch {
	case none:
		return nil, errors.Join(errors.New("none of the functions of the calls is in the kernel's type information"), err)
	case err != nil:
		return nil, err
	}
	return record(programs, hooks)
}
