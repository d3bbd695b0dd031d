// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A storage on a file system that does not answer is a gap with its path, and what is
// beside it is read.
func TestHangingStorage(t *testing.T) {
	if !nstest.PrivateMounts(t) {
		return
	}
	top := t.TempDir()
	hanging := filepath.Join(top, "hanging")
	if err := os.Mkdir(hanging, 0o755); err != nil {
		t.Fatal(err)
	}
	nstest.HangingFS(t, hanging)
	all := runtimes
	defer func() { runtimes = all }()
	runtimes = runtimes[:1:1]
	runtimes[0].name, runtimes[0].find = "storage", func(r *reader) { r.storages([]storage{{hanging + "/graph", hanging + "/run", ns.RootAuthority}}) }
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	start := time.Now()
	x := Read(t.Context(), Options{Host: h})
	if took := time.Since(start); took > host.Patience+5*time.Second {
		t.Errorf("it took %v", took)
	}
	if gaps := x.Gaps(); len(gaps) != 1 || gaps[0].Path != hanging+"/graph" || !errors.Is(gaps[0].Err, host.ErrNoAnswer) {
		t.Errorf("gaps %v", gaps)
	}
}
