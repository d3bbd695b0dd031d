// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// Whatever a name is, it is found as it is, and its path leads to it.
func FuzzNames(f *testing.F) {
	for _, name := range nstest.OddNames {
		f.Add(name)
	}
	f.Add("net:[4026531840]")
	f.Add("self")
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsAny(name, "/\x00") {
			return // no file can have that name
		}
		dir := hosttest.New(t, "-- proc/1 (process) --\nnet 4026531840\n-- run/netns (dir) --\n")
		if err := os.Symlink("/proc/1/ns/net", filepath.Join(dir, "run/netns", name)); err != nil {
			t.Fatal(err)
		}
		h, err := host.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		opts := scan.Options{Host: h, Sources: []string{"process", "name"}}
		ref, err := ParseRef("/run/netns/" + name)
		if err != nil {
			t.Fatal(err)
		}
		_, n, err := Resolve(t.Context(), opts, nil, ref)
		if err != nil {
			t.Fatal(err)
		}
		if len(n.Names) != 1 || n.Names[0].Name != name || n.Names[0].Kind != ns.NameSymlink {
			t.Errorf("names %+q, want %q", n.Names, name)
		}
	})
}
