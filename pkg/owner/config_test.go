// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// configReader returns a reader of the fake machine of an archive.
func configReader(t *testing.T, archive string) (*reader, string) {
	t.Helper()
	dir := hosttest.New(t, "-- proc/1 (process) --\n"+archive)
	h, err := host.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return &reader{done: t.Context().Done(), host: h, seen: map[string]bool{}, ids: map[string]bool{}}, dir
}

// gapAt returns the error of the gap at a path, nil if there is none.
func (r *reader) gapAt(name string) error {
	i := slices.IndexFunc(r.gaps, func(g ns.Gap) bool { return g.Path == name })
	if i < 0 {
		return nil
	}
	return r.gaps[i].Err
}

func TestContainerdState(t *testing.T) {
	for _, tt := range []struct{ name, archive, want string }{
		{"no file", "", ""},
		{"top level", "-- etc/c.toml --\nversion = 3\nroot = \"/r\"  # comment\n'state' = '/s'\n[plugins.\"io.containerd.x\"]\nstate = \"/no\"", "/s"},
		{"escapes and a multi-line string", "-- etc/c.toml --\na = \"\"\"\nstate = '/no'\n\"\"\"\nstate = \"/s\\u0041\"", "/sA"},
		{"not absolute", "-- etc/c.toml --\nstate = \"s\"", ""},
		{"from the environment", "-- etc/c.toml --\nstate = \"/run/$UID\"", ""},
		{"absolute import", "-- etc/c.toml --\nstate = \"/a\"\nimports = [\"/srv/x.toml\"]\n-- srv/x.toml --\nstate = \"/b\"", "/b"},
		{"relative import", "-- etc/c.toml --\nimports = [\"d/x.toml\"]\n-- etc/d/x.toml --\nimports = [\"../y.toml\"]\n-- etc/y.toml --\nstate = \"/y\"", "/y"},
		{"an import that sets none", "-- etc/c.toml --\nstate = \"/a\"\nimports = [\"x.toml\"]\n-- etc/x.toml --\nroot = \"/r\"", "/a"},
		{"missing import", "-- etc/c.toml --\nstate = \"/a\"\nimports = [\"x.toml\"]", "/a"},
		{
			"glob in order", "-- etc/c.toml --\nimports = [\"conf.d/*.toml\"]\n-- etc/conf.d/20.toml --\nstate = \"/20\"\n" +
				"-- etc/conf.d/10.toml --\nstate = \"/10\"\n-- etc/conf.d/30.conf --\nstate = \"/30\"", "/20",
		},
		{"glob of directories", "-- etc/c.toml --\nimports = [\"/srv/*/c.toml\"]\n-- srv/a/c.toml --\nstate = \"/a\"\n-- srv/b/c.toml --\nstate = \"/b\"\n-- srv/c --\n", "/b"},
		{"levels in order", "-- etc/c.toml --\nimports = [\"a.toml\", \"b.toml\"]\n-- etc/a.toml --\nimports = [\"z.toml\"]\n-- etc/b.toml --\nstate = \"/b\"\n-- etc/z.toml --\nstate = \"/z\"", "/z"},
		{"cycle", "-- etc/c.toml --\nstate = \"/c\"\nimports = [\"a.toml\", \"*.toml\"]\n-- etc/a.toml --\nstate = \"/a\"\nimports = [\"c.toml\", \"a.toml\"]", "/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := configReader(t, tt.archive)
			if got := r.containerdState("/etc/c.toml"); got != tt.want || len(r.gaps) > 0 {
				t.Errorf("state %q, gaps %v; want %q", got, r.gaps, tt.want)
			}
		})
	}
}

func TestContainerdImportsAreBounded(t *testing.T) {
	var archive strings.Builder
	for i := range maxConfigFiles + 2 {
		fmt.Fprintf(&archive, "-- etc/%d.toml --\nstate = \"/%d\"\nimports = [\"%d.toml\"]\n", i, i, i+1)
	}
	r, _ := configReader(t, archive.String())
	if got, want := r.containerdState("/etc/0.toml"), fmt.Sprintf("/%d", maxConfigFiles-1); got != want {
		t.Errorf("state %q of a chain, want %q", got, want)
	}
	if err := r.gapAt(fmt.Sprintf("/etc/%d.toml", maxConfigFiles)); !errors.Is(err, errTooManyConfigs) {
		t.Errorf("gap of a chain: %v", err)
	}
	if got := len(r.glob("/etc/*.toml")); got != maxConfigFiles {
		t.Errorf("a pattern matches %d files, want %d", got, maxConfigFiles)
	}
	if err := r.gapAt("/etc/*.toml"); !errors.Is(err, errTooManyConfigs) {
		t.Errorf("gap of a pattern: %v", err)
	}
}

func TestConfigNotRead(t *testing.T) {
	r, _ := configReader(t, "-- etc/syntax.toml --\nstate = \n-- etc/fifo.toml (fifo) --\n-- etc/link.toml -> syntax.toml --\n"+
		"-- etc/large.toml --\nstate = \"/large\" #"+strings.Repeat("x", maxConfigBytes)+
		"\n-- etc/c.toml --\nstate = \"/c\"\nimports = [\"syntax.toml\", \"fifo.toml\", \"link.toml\", \"large.toml\", \"[*\"]")
	if got := r.containerdState("/etc/c.toml"); got != "/c" {
		t.Errorf("state %q", got)
	}
	for _, name := range []string{"/etc/syntax.toml", "/etc/fifo.toml", "/etc/link.toml", "/etc/large.toml", "/etc/[*"} {
		if r.gapAt(name) == nil {
			t.Errorf("no gap at %s", name)
		}
	}
}

func TestConfigOfAUser(t *testing.T) {
	need.Root(t) // to make a file of another user
	r, dir := configReader(t, "-- etc/c.toml --\nstate = \"/c\"\nimports = [\"user.toml\"]\n-- etc/user.toml --\nstate = \"/user\"")
	if err := os.Chown(filepath.Join(dir, "etc/user.toml"), 1000, 1000); err != nil {
		t.Fatal(err)
	}
	if got := r.containerdState("/etc/c.toml"); got != "/c" {
		t.Errorf("state %q", got)
	}
	if err := r.gapAt("/etc/user.toml"); !errors.Is(err, errUserConfig) {
		t.Errorf("gap %v", err)
	}
}

func TestCrioConfig(t *testing.T) {
	const archive = `
-- etc/storage.conf --
[storage]
graphroot = "/srv/graph"
runroot = "$HOME/run"
[storage.options]
graphroot = "/no"
-- etc/crio.conf --
[crio]
root = "/crio"
[crio.runtime]
root = "/no"
-- etc/crio.conf.d/20-last --
[crio]
runroot = "/run/20"
-- etc/crio.conf.d/10-first.conf --
[crio]
root = "/crio/10"
runroot = "/run/10"
`
	r, _ := configReader(t, archive)
	usual := storage{graph: "/graph", run: "/run"}
	if got, want := r.storageConfig("/etc/storage.conf", usual), (storage{graph: "/srv/graph", run: "/run"}); got != want {
		t.Errorf("storage.conf: %+v, want %+v", got, want)
	}
	if got, want := r.crioConfig("/etc/crio.conf", "/etc/crio.conf.d", usual), (storage{graph: "/crio/10", run: "/run/20"}); got != want {
		t.Errorf("CRI-O: %+v, want %+v", got, want)
	}
	if got := r.crioConfig("/none", "/none.d", usual); got != usual || len(r.gaps) > 0 {
		t.Errorf("no file: %+v, gaps %v", got, r.gaps)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("state = \"/s\"\nimports = [\"*.toml\", \"c.toml\"]\n")
	f.Add("[storage]\ngraphroot = \"/srv\"\n[crio]\nroot='/r'\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, dir := configReader(t, "")
		if err := os.WriteFile(filepath.Join(dir, "c.toml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s := r.storageConfig("/c.toml", r.crioConfig("/c.toml", "/none.d", storage{}))
		for _, name := range []string{r.containerdState("/c.toml"), s.graph, s.run} {
			if name != "" && !absolute(name) {
				t.Errorf("path %q", name)
			}
		}
	})
}
