// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// The mounts of a task are read once for many paths, and again when they may be others.
func TestInsides(t *testing.T) {
	h, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	self := ns.TaskID(os.Getpid())
	read := func() *mountTable {
		t.Helper()
		table, err := h.insides.of(h, self)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	first := read()
	if len(first.local) == 0 {
		t.Error("no mounts")
	}
	if read() != first {
		t.Error("read twice")
	}
	for what, change := range map[string]func(*inside){
		"the mount namespace": func(i *inside) { i.space = "mnt:[1]" },
		"the root directory":  func(i *inside) { i.root = "/jail" },
		"the time":            func(i *inside) { i.read = i.read.Add(-2 * insideFor) },
	} {
		before := read()
		change(h.insides.all[self])
		if read() == before {
			t.Errorf("not read again after a change of %s", what)
		}
	}
	for other := range ns.TaskID(3 * insideMax) {
		h.insides.all[-other] = &inside{read: time.Now()}
	}
	h.insides.all[self].read = time.Time{}
	read()
	if len(h.insides.all) > insideMax {
		t.Errorf("%d tasks are kept", len(h.insides.all))
	}
}
