// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"slices"
	"testing"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// without returns an engine that has no program for a pass.
func without(t *testing.T, pass bpfreader.Pass) scan.Engine {
	t.Helper()
	need.Root(t)
	r, err := bpfreader.Open(bpfreader.Options{Passes: bpfreader.Usual &^ pass, Account: true})
	if err != nil {
		need.Missing(t, "needs the bpf engine: "+err.Error())
	}
	t.Cleanup(func() { r.Close() })
	return &engine{r: r}
}

// TestGapOfEverySource checks that a pass that was not read is a gap of every source that
// it serves, whichever of them is asked for alone.
func TestGapOfEverySource(t *testing.T) {
	for pass, sources := range map[bpfreader.Pass][]string{
		bpfreader.Files:          {"fd", "socket"},
		bpfreader.InFlight:       {"inflight"},
		bpfreader.DetachedMounts: {"mount"},
	} {
		e := without(t, pass)
		for _, source := range sources {
			snap, err := scan.Scan(t.Context(), scan.Options{Engine: e, Sources: []string{source}})
			if err != nil {
				t.Fatal(err)
			}
			if snap.Complete() || !slices.ContainsFunc(snap.Gaps, func(g ns.Gap) bool { return g.Of(source) && g.Path == "bpf" }) {
				t.Errorf("source %s without its pass: complete %v, gaps %v", source, snap.Complete(), snap.Gaps)
			}
		}
	}
}

// TestRareIsLoadedWhereNeeded checks that what looks for files without descriptors is loaded
// where there is one, and nowhere else.
func TestRareIsLoadedWhereNeeded(t *testing.T) {
	need.Root(t)
	testlock.Exclusive(t) // whether there is one is the whole machine's
	loaded := func(pass bpfreader.Pass) bool {
		e := without(t, 0).(*engine)
		if _, err := scan.Scan(t.Context(), scan.Options{Engine: e}); err != nil {
			t.Error(err)
		}
		defer e.Close()
		return e.rare[pass].r != nil
	}
	for kind, pass := range map[nstest.Kind]bpfreader.Pass{
		nstest.IOURingRegistered: bpfreader.Rings,
		nstest.AIOPoll:           bpfreader.Requests,
		nstest.IOURingMapped:     bpfreader.Mappings,
		nstest.SocketPeer:        bpfreader.ClosedPeers,
	} {
		nstest.Eventually(t, func() string { // other programs may have such files
			if loaded(pass) {
				return "loaded without " + string(kind)
			}
			return ""
		})
		scene := nstest.Make(t, kind)
		if !loaded(pass) && need.KernelIs(t, 5, 18) {
			t.Error("not loaded with " + string(kind))
		}
		scene.Free()
	}
}

// TestRefusedRareIsRemembered checks that a rare pass which the kernel refused is not tried again.
func TestRefusedRareIsRemembered(t *testing.T) {
	e := without(t, 0).(*engine)
	refused := kernel.SinceError{Major: 99}
	e.rare = map[bpfreader.Pass]rareReader{bpfreader.Requests: {err: refused}}
	if r, err := e.rareReader(bpfreader.Requests); r != nil || err != refused {
		t.Errorf("reader %v, error %v, want %v", r, err, refused)
	}
	f := finder{e: e}
	if err := f.rarely(bpfreader.Requests, nil); err != nil {
		t.Errorf("what this kernel does not have is an error: %v", err)
	}
}

// TestNoAccountOfUnreadFiles checks that references are not called unexplained where the
// files that may explain them were not read.
func TestNoAccountOfUnreadFiles(t *testing.T) {
	var sink record.Sink
	if err := without(t, bpfreader.Files).Find(t.Context(), scan.Wanted{Types: []ns.Type{ns.Net}}, &sink); err != nil {
		t.Fatal(err)
	}
	if accounts := sink.Found(nil).Accounts; accounts != nil {
		t.Errorf("accounts %v of what was not read", accounts)
	}
}
