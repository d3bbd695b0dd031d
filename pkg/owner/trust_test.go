// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// give makes a tree the user's.
func give(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(name, 4077, 4077))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A user's files may say anything: what they say of another's container, or of a
// namespace outside of the user's own directory, is not believed.
func TestUserFilesOfOthersContainers(t *testing.T) {
	need.Root(t) // to make files of another user
	dir, h, _ := machine(t, "mixed")
	storage := filepath.Join(dir, "home/u/.local/share/containers/storage")
	lie := filepath.Join(storage, "overlay-containers", as+"01", "userdata")
	if err := os.MkdirAll(lie, 0o755); err != nil {
		t.Fatal(err)
	}
	text := `{"annotations":{"io.container.manager":"libpod"},"linux":{"cgroupsPath":"/docker/` + as + `01","namespaces":[{"type":"network","path":"/run/netns/netns-blue"}]}}`
	if err := os.WriteFile(filepath.Join(lie, "config.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	names := `[{"id":"` + as + `01","names":["evil"]},{"id":"` + strings.Repeat("d", 64) + `","names":["mine"]}]`
	if err := os.WriteFile(filepath.Join(storage, "overlay-containers/containers.json"), []byte(names), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("blue", filepath.Join(dir, "run/netns/netns-blue")); err != nil {
		t.Fatal(err)
	}
	give(t, storage)
	_, s := open(t, dir)
	x := Read(t.Context(), Options{Host: h, Snapshot: s})
	checkProcesses(t, x, map[ns.TaskID]Owner{1001: {Runtime: "docker", ID: as + "01", Name: "web"}})
	checkFind(t, x, map[string][]string{"evil": nil})
	if o := x.Namespace(s.Find(4026532112)); o != nil {
		t.Errorf("blue is %s's by a user's word", o)
	}
}

// A file that is too large, or a directory with too many entries, is a gap.
func TestBounds(t *testing.T) {
	dir := hosttest.New(t, "-- proc/2 (process) --\ncomm kthreadd\n")
	in := filepath.Join(dir, "var/lib/docker/containers", idA)
	if err := os.MkdirAll(in, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(in, "config.v2.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(mostBytes + 1); err != nil {
		t.Fatal(err)
	}
	f.Close()
	h, s := open(t, dir)
	x := Read(t.Context(), Options{Host: h, Snapshot: s})
	checkGaps(t, x, "/var/lib/docker/containers/"+idA+"/config.v2.json: "+host.ErrTooLarge.Error())
}

// A runtime that has too much to read is a gap, and the others are read.
func TestSlowRuntime(t *testing.T) {
	all, usual := runtimes, patience
	defer func() { runtimes, patience = all, usual }()
	runtimes, patience = slices.Concat(all, all[:1]), time.Second
	runtimes[len(all)].name, runtimes[len(all)].find = "slow", func(r *reader) {
		for !r.over() {
			time.Sleep(time.Millisecond)
		}
	}
	_, h, s := machine(t, "mixed")
	x := Read(t.Context(), Options{Host: h, Snapshot: s})
	checkFind(t, x, map[string][]string{"web": {"docker:web running 1001"}})
	if gaps := x.Gaps(); len(gaps) != 2 || gaps[1].Path != "slow" || gaps[1].Err.Error() != "not read within 1s" {
		t.Errorf("gaps %v", gaps)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if x := Read(ctx, Options{Host: h, Snapshot: s}); len(x.Gaps()) == 0 {
		t.Error("reading was cut off, and that is no gap")
	}
}
