// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/callscript"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

type pathCase struct {
	file *os.File
	want string
	tail bool // want is only the end of it, after "…"
}

// TestPath enters a namespace by files of every kind of path.
func TestPath(t *testing.T) {
	h := newIsolated(t)
	s := open(t, trace.Options{})
	c := checks{}
	names := nstest.NewNames(t)
	bind := func(elem ...string) string {
		t.Helper()
		path := names.Path(filepath.Join(elem...))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o400); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(h.path(ns.Net), path, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			for unix.Unmount(path, unix.MNT_DETACH) == nil {
			}
		})
		return path
	}
	link := ns.FormatLink(ns.Net, h.where[ns.Net].Inode)
	longest := bind(strings.Repeat("n", unix.NAME_MAX))
	deep := bind(strings.Split(strings.Repeat("d/", 40)+"end", "/")...)
	unmounted := pathTest(t, bind("unmounted"), func(path string) error { return unix.Unmount(path, unix.MNT_DETACH) })
	for name, test := range map[string]pathCase{
		"of proc":      {file: h.open(ns.Net), want: link},
		"a bind mount": pathTest(t, bind("blue"), nil),
		"a long name":  pathTest(t, bind(strings.Repeat("0123456789abcdef", 4)), nil),
		"longer":       pathTest(t, bind(strings.Repeat("n", 200)), nil),
		"the longest":  {openFile(t, longest, unix.O_RDONLY), "/" + strings.Repeat("n", unix.NAME_MAX), true},
		"long names":   pathTest(t, bind(strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64)), nil),
		"strange":      pathTest(t, bind("a\x1b[31m\nb\t\xff …"), nil),
		"deep":         {openFile(t, deep, unix.O_RDONLY), strings.Repeat("/d", 15) + "/end", true},
		"covered": pathTest(t, bind("covered"), func(path string) error {
			return unix.Mount("/proc/self/ns/net", path, "", unix.MS_BIND, "")
		}),
		"unmounted": {file: unmounted.file, want: link},
	} {
		a := newActor()
		a.setns(firstFile, 0)
		run := a.Run(t, callscript.Options{Files: []*os.File{test.file}})
		c[name] = func(t *testing.T, events []trace.Event) {
			e := one(t, of(events, run.PID))
			demand(t, []trace.Event{e}, a.expected(run, "callscript"))
			got := e.Via.Path
			if test.tail {
				rest, cut := strings.CutPrefix(got, "…")
				path := test.file.Name()
				if !cut || !strings.HasSuffix(rest, test.want) || !strings.HasSuffix(path, rest) || !strings.HasPrefix(rest, "/") {
					t.Errorf("path %q, want … and the end of %q", got, path)
				}
			} else if got != test.want {
				t.Errorf("path %q, want %q", got, test.want)
			}
			if e.Target != (trace.Target{NS: h.part(ns.Net)}) {
				t.Errorf("target %+v, want %+v", e.Target, h.part(ns.Net))
			}
		}
	}
	s.demand(t, c)
}

// pathTest is a case for a path as it is opened, with something done afterwards.
func pathTest(t *testing.T, path string, then func(path string) error) (c pathCase) {
	t.Helper()
	c.file, c.want = openFile(t, path, unix.O_RDONLY), path
	if then != nil {
		if err := then(path); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
