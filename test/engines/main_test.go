// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"os"
	"slices"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/scan/bpf"
)

func TestMain(m *testing.M) {
	nstest.Main()
	help()
	code := m.Run()
	removeBinary()
	os.Exit(code)
}

// The engines, in the order of the columns of a table.
const (
	proc = iota
	bpfEngine
	numEngines
)

var engineNames = [numEngines]string{"proc", "bpf"}

// newEngine loads the bpf engine, which is unloaded when the test ends.
func newEngine(t testing.TB) scan.Engine {
	t.Helper()
	need.Root(t)
	e, err := bpf.New()
	if err != nil {
		need.Missing(t, "needs the bpf engine: "+err.Error())
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("close engine: %v", err)
		}
	})
	return e
}

// optionsOf returns the options of a scan by each engine.
func optionsOf(t testing.TB) [numEngines]scan.Options {
	t.Helper()
	return [numEngines]scan.Options{proc: {}, bpfEngine: {Engine: newEngine(t)}}
}

func look(t testing.TB, opts scan.Options) *ns.Snapshot {
	t.Helper()
	snap, err := scan.Scan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// without returns the options less some sources.
func without(opts scan.Options, names ...string) scan.Options {
	opts.Sources = slices.DeleteFunc(scan.Sources(), func(s string) bool { return slices.Contains(names, s) })
	return opts
}
