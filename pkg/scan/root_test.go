// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/internal/need"
)

// A root is where the kernel resolves it to, which ".." behind a symlink shows.
func TestRootBehindSymlink(t *testing.T) {
	root := hosttest.New(t, "-- proc/7 (process) --\nnet 4026532500\n-- etc/x --\n")
	short := "/" + fmt.Sprintf("nsinspect-test-%d", os.Getpid())
	if err := os.Symlink(filepath.Join(root, "etc"), short); err != nil {
		need.Missing(t, fmt.Sprintf("needs to make a link in /: %v", err))
	}
	defer os.Remove(short)
	h, err := host.Open(short + "/..")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if h.Live() || h.Root() == "/" {
		t.Errorf("host %+v is taken for the running machine", h)
	}
}

func TestUnknownSource(t *testing.T) {
	if _, err := Scan(t.Context(), Options{Sources: []string{"tea"}}); err == nil {
		t.Error("a source that does not exist was taken")
	}
}
