// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// The programs record of our own namespaces what the kernel answers about their files.
func TestRelations(t *testing.T) {
	need.Root(t)
	for name, old := range map[string]bool{"current": false, "old": true} {
		t.Run(name, func(t *testing.T) {
			r := open(t, Options{Passes: Tasks, Relations: true, oldObject: old})
			if _, err := r.Tasks(func(*Task) {}); err != nil {
				t.Fatal(err)
			}
			all, err := r.Relations()
			if err != nil {
				t.Fatal(err)
			}
			found := map[uint32]Relation{}
			for _, relation := range all {
				found[relation.Inode] = relation
			}
			for _, typ := range ns.Types() {
				checkRelation(t, found, typ)
			}
			if again, err := r.Relations(); len(again) != 0 || err != nil {
				t.Errorf("then still %d relations, %v", len(again), err)
			}
		})
	}
}

func checkRelation(t *testing.T, found map[uint32]Relation, typ ns.Type) {
	t.Helper()
	file, err := os.Open("/proc/self/ns/" + typ.String())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	inode := inodeOpen(t, int(file.Fd()))
	want := Relation{Inode: inode, Type: uint32(typ.Flag()), Owner: above(t, file, unix.NS_GET_USERNS)}
	if typ == ns.User || typ == ns.PID {
		want.Parent = above(t, file, unix.NS_GET_PARENT)
	}
	if typ == ns.User {
		uid, err := unix.IoctlGetUint32(int(file.Fd()), unix.NS_GET_OWNER_UID)
		must(t, "ask for the creator", err)
		want.UID = uid
	}
	if found[inode] != want {
		t.Errorf("%s namespace: %+v, want %+v", typ, found[inode], want)
	}
}

// above returns the inode that a request leads to, 0 from an initial namespace.
func above(t *testing.T, file *os.File, request uint) uint32 {
	t.Helper()
	fd, err := unix.IoctlRetInt(int(file.Fd()), request)
	if err == unix.EPERM {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	return inodeOpen(t, fd)
}

func inodeOpen(t *testing.T, fd int) uint32 {
	t.Helper()
	var st unix.Stat_t
	must(t, "stat namespace", unix.Fstat(fd, &st))
	return uint32(st.Ino)
}

// Nothing is recorded where it was not asked for, or no type needs it.
func TestNoRelations(t *testing.T) {
	need.Root(t)
	for name, o := range map[string]Options{
		"not asked for":      {Passes: Tasks},
		"network namespaces": {Passes: Tasks, Relations: true, Types: unix.CLONE_NEWNET},
	} {
		r := open(t, o)
		if _, err := r.Tasks(func(*Task) {}); err != nil {
			t.Fatal(err)
		}
		if all, err := r.Relations(); len(all) != 0 || err != nil {
			t.Errorf("%s: %d relations, %v", name, len(all), err)
		}
	}
}
