// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package doctor

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/scan/bpf"
)

func TestMain(m *testing.M) {
	nstest.Main()
	code := m.Run()
	if e, err := engine(); err == nil {
		e.Close()
	}
	if e, err := wideEngine(); err == nil {
		e.Close()
	}
	if programDir != "" {
		os.RemoveAll(programDir)
	}
	os.Exit(code)
}

// engine is the bpf engine of all tests here: it takes a while to load.
var engine = sync.OnceValues(func() (scan.Engine, error) { return bpf.New() })

// patient is the part of this machine that a test is about: its own namespaces
// and names directories. What other tests do meanwhile is left out of what the
// doctor gets to see.
type patient struct {
	host   *host.Host
	engine scan.Engine // nil: the walk over /proc
	inodes []uint64
	dirs   []string

	// change, if not nil, is done to each snapshot.
	change func(*ns.Snapshot)
	opts   doctor.Options
}

// newPatient returns one that the bpf engine is to look at.
func newPatient(t *testing.T) *patient {
	t.Helper()
	need.Root(t)
	testlock.Shared(t)
	e, err := engine()
	if err != nil {
		need.Missing(t, "needs the bpf engine: "+err.Error())
	}
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return &patient{host: h, engine: e, opts: doctor.Options{Host: h}}
}

// with adds scenes to what the test is about.
func (p *patient) with(scenes ...*nstest.Scene) *patient {
	for _, s := range scenes {
		p.inodes = append(p.inodes, s.Inode)
		if s.Peer != nil {
			p.inodes = append(p.inodes, s.Peer.Inode)
		}
	}
	return p
}

func (p *patient) in(dirs ...*nstest.Names) *patient {
	for _, d := range dirs {
		p.dirs = append(p.dirs, d.Dir)
	}
	return p
}

// inspect has the doctor look, and again where something could not be read at that
// moment: other tests make and free namespaces all the while.
func (p *patient) inspect(t *testing.T) (r *doctor.Report) {
	t.Helper()
	for range 5 {
		if r = p.look(t); len(r.Undecided) == 0 {
			break
		}
	}
	return r
}

func (p *patient) look(t *testing.T) *doctor.Report {
	t.Helper()
	opts := p.opts
	opts.Scan = func(ctx context.Context) (*ns.Snapshot, error) {
		snap, err := scan.Scan(ctx, scan.Options{Host: p.host, Engine: p.engine, NamesDirs: p.dirs, Details: true})
		if err == nil {
			p.filter(snap)
		}
		return snap, err
	}
	r, err := doctor.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	var document bytes.Buffer
	if err := render.Doctor(&document, r, render.JSON, render.Style{}); err != nil {
		t.Fatal(err)
	}
	if err := wiretest.Validate(document.Bytes()); err != nil {
		t.Error(err)
	}
	return r
}

func (p *patient) filter(snap *ns.Snapshot) {
	snap.Namespaces = slices.DeleteFunc(snap.Namespaces, func(n ns.Namespace) bool {
		return !n.Initial && !slices.Contains(p.inodes, n.Inode)
	})
	ours := func(name string) bool {
		return slices.ContainsFunc(p.dirs, func(dir string) bool { return strings.HasPrefix(name, dir+"/") })
	}
	for i := range snap.Namespaces {
		n := &snap.Namespaces[i]
		if n.Initial { // it has what everybody made: names, mounts and files
			n.Names = slices.DeleteFunc(n.Names, func(name ns.Name) bool { return !ours(name.Path) })
			n.Holders = slices.DeleteFunc(n.Holders, func(h ns.Holder) bool { return h.Kind != ns.KindProcess })
		}
	}
	snap.Dangling = slices.DeleteFunc(snap.Dangling, func(s ns.DanglingName) bool { return !ours(s.Path) })
	trust(snap)
	if p.change != nil {
		p.change(snap)
	}
}

// trust makes root's what is not: the directories of tests are below
// one for temporary files, which everybody may write.
func trust(snap *ns.Snapshot) {
	for i := range snap.Dangling {
		s := &snap.Dangling[i]
		s.Authority = ns.RootAuthority
		for j := range s.Pins {
			s.Pins[j].Mount.Authority = ns.RootAuthority
		}
	}
	for i := range snap.Namespaces {
		n := &snap.Namespaces[i]
		for j := range n.Names {
			n.Names[j].Authority = ns.RootAuthority
		}
		for j := range n.Holders {
			h := &n.Holders[j]
			h.Authority = ns.RootAuthority
			if h.Pin != nil {
				pin := *h.Pin
				pin.Authority = ns.RootAuthority
				h.Pin = &pin
			}
		}
	}
}

// checks are the names of the checks that found something, in order.
func checks(r *doctor.Report) (names []string) {
	for _, f := range r.Findings {
		names = append(names, f.Check)
	}
	return names
}

// expect checks that these checks, and no others, find something, each once, and
// that none of them is undecided. It returns the findings.
func (p *patient) expect(t *testing.T, want ...string) []doctor.Finding {
	t.Helper()
	var r *doctor.Report
	nstest.Eventually(t, func() string {
		r = p.inspect(t)
		if got := checks(r); !slices.Equal(got, want) || len(r.Undecided) > 0 {
			return fmt.Sprintf("findings of %v, want %v: %+v; unknown: %+v", got, want, r.Findings, r.Undecided)
		}
		return ""
	})
	for _, f := range r.Findings {
		if f.Severity == doctor.Unknown || f.Summary == "" || f.Meaning == "" || len(f.Evidence) == 0 || f.Subject == "" {
			t.Errorf("finding %+v, want it whole and certain", f)
		}
	}
	if len(want) == 0 && r.Status() != doctor.OK {
		t.Errorf("status %v, want ok", r.Status())
	}
	return r.Findings
}
