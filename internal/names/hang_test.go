// SPDX-License-Identifier: Apache-2.0

package names

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A directory, or a symlink, that leads to a file system which does not answer is a gap
// that names the path. The process that waits for it is not ours.
func TestHangingDirectory(t *testing.T) {
	if !nstest.PrivateMounts(t) {
		return
	}
	top := t.TempDir()
	hanging, plain := filepath.Join(top, "hanging"), filepath.Join(top, "plain")
	for _, dir := range []string{hanging, plain} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	end := nstest.HangingFS(t, hanging)
	s := &Dirs{Host: h, Extra: []string{hanging, plain, filepath.Join(top, "link")}, Types: ns.Types()}
	for link, target := range map[string]string{"link": hanging, "plain/red": "/proc/self/ns/net", "plain/blue": hanging + "/net"} {
		if err := os.Symlink(target, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, most := range []time.Duration{2*host.Patience + 5*time.Second, host.Patience} { // the second time it is known
		start := time.Now()
		found := s.Read(context.Background())
		if took := time.Since(start); took > most {
			t.Errorf("it took %v", took)
		}
		for _, path := range s.Extra[:1] {
			if err := gapAt(found.Gaps, path); !errors.Is(err, host.ErrNoAnswer) {
				t.Errorf("the gap of %s is %v", path, err)
			}
		}
		if err := gapAt(found.Gaps, plain+"/blue"); !errors.Is(err, host.ErrNoAnswer) {
			t.Errorf("the gap of a symlink there is %v", err)
		}
		if len(found.Names) != 1 || found.Names[0].Name.Name != "red" {
			t.Errorf("the names are %+v", found.Names)
		}
		noneWaits(t)
	}
	end()
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := gapAt(s.Read(context.Background()).Gaps, hanging)
		if errors.Is(err, unix.ENOTCONN) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the gap of an ended file system is %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func gapAt(gaps []ns.Gap, path string) error {
	for _, g := range gaps {
		if g.Path == path {
			return g.Err
		}
	}
	return nil
}

// noneWaits checks that no thread of this process waits in a way that cannot be ended.
func noneWaits(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		if _, rest, _ := strings.Cut(string(text), ") "); strings.HasPrefix(rest, "D") {
			t.Errorf("a thread of this process waits: %s", text)
		}
	}
}
