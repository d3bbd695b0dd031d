// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"os"
	"testing"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/need"
)

// A variable that the programs do not have is an error.
func TestSetUnknownVariable(t *testing.T) {
	spec, err := loadCalls()
	if err != nil {
		t.Fatal(err)
	}
	if err := set(spec, map[string]any{callsVarOwnTgid: uint32(1)}); err != nil {
		t.Errorf("a variable that there is: %v", err)
	}
	if err := set(spec, map[string]any{"third": uint32(1)}); !errors.Is(err, errNoVariable) {
		t.Errorf("got %v, want %v", err, errNoVariable)
	}
}

// Both objects load without all of the kernel's types, which take many times as long to
// read as the few that are needed.
func TestFewTypesAreEnough(t *testing.T) {
	need.Root(t)
	needTypes(t)
	for _, old := range []bool{false, true} {
		object, err := bpfreader.OpenObjectFile(bpfreader.ObjectFileOptions{New: loadCalls, Old: loadOldCalls, IDs: callFunctions, ForceOld: old})
		if err != nil {
			t.Fatal(err)
		}
		hooks := []hook{{program: callsProgNewtask}, {program: callsProgSysExit}, {program: callsProgSysEnter}, {program: callsProgProcessExit}, {program: callsProgReadLevel}}
		if err := prepare(object.Spec, Options{Buffer: 1 << 20}, hooks); err != nil {
			t.Fatal(err)
		}
		programs, err := withMemlock(object.Collection)
		if err != nil {
			t.Fatal(err)
		}
		programs.Close()
		if err := object.NeededAll(); err != nil {
			t.Errorf("old %v: %v", old, err)
		}
	}
}

// Without the few types, all are read.
func TestAllTypes(t *testing.T) {
	need.Root(t)
	needTypes(t)
	o := Options{Buffer: 1 << 20, typesDir: t.TempDir()}
	programs, hooks, err := loadTyped(o, func(*bpfreader.ObjectFile) ([]hook, error) {
		return []hook{{program: callsProgNewtask}, {program: callsProgSysExit}, {program: callsProgSysEnter}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hooks {
		if programs.Programs[h.program] == nil {
			t.Errorf("program %s was not loaded", h.program)
		}
	}
	programs.Close()
}

// needTypes skips on a kernel without types, on which tiers 1 and 2 do not work.
func needTypes(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		need.Missing(t, "needs the kernel's types: "+err.Error())
	}
}
