// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// healthy is a machine with an init process and nothing wrong. It booted in 2023.
const healthy = `
-- proc/stat --
cpu 0 0
btime 1700000000
-- proc/1 (process) --
comm init
cmdline /sbin/init
start 2
net 4026531840
mnt 4026531841
-- proc/1/mountinfo --
20 1 8:1 / / rw - ext4 /dev/sda1 rw
22 20 0:21 / /run rw shared:5 - tmpfs tmpfs rw
-- proc/2 (process) --
comm kthreadd
flags 2129984
start 1
net 4026531840
mnt 4026531841
-- proc/2/task/2/children --
77 
-- proc/77 (process) --
comm kworker/u8:1-netns
start 3
net 4026531840
mnt 4026531841
`

// examineFake has the doctor look at a fake machine. What no recorded tree shows
// (files in flight, the kernel's own list) counts as read.
func examineFake(t *testing.T, machine string) *Report {
	t.Helper()
	return examineWith(t, machine, func(*ns.Snapshot) {})
}

// examineWith is examineFake with a change to what the scan has found.
func examineWith(t *testing.T, machine string, change func(*ns.Snapshot)) *Report {
	t.Helper()
	cleanupPause = 0
	t.Cleanup(func() { cleanupPause = time.Second })
	h, err := host.Open(hosttest.New(t, healthy+machine))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	r, err := Run(t.Context(), Options{Host: h, Scan: func(ctx context.Context) (*ns.Snapshot, error) {
		snap, err := scan.Scan(ctx, scan.Options{Host: h, Details: true})
		if err == nil {
			snap.Gaps = slices.DeleteFunc(snap.Gaps, func(g ns.Gap) bool { return g.Err == scan.ErrNotInProc })
			snap.Sources, snap.MountsAll, snap.LoneMounts = scan.Sources(), true, true
			trust(snap)
			change(snap)
		}
		return snap, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// trust makes root's what is not: a fake machine is a tree below a
// directory for temporary files, which everybody may write.
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

// expect demands findings of these checks and severities, "no-process warning".
func expect(t *testing.T, r *Report, want ...string) {
	t.Helper()
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Check+" "+f.Severity.String())
	}
	if !slices.Equal(got, want) {
		t.Fatalf("findings %q, want %q: %+v", got, want, r.Findings)
	}
	if len(r.Undecided) > 0 {
		t.Errorf("undecided: %+v", r.Undecided)
	}
}

func TestHealthyFake(t *testing.T) {
	r := examineFake(t, "")
	expect(t, r)
	if r.Status() != OK || r.Headline() != "OK: nothing wrong with 1 network namespace" {
		t.Errorf("status %v, headline %q", r.Status(), r.Headline())
	}
}

// The link of an unpacked tree is of now; processes start when the tree has it.
func TestReusedPIDFake(t *testing.T) {
	const later = "-- proc/300 (process) --\ncomm stranger\nstart 200000000000\nnet 4026531840\n" // in 2087
	const link = "-- run/netns/web -> /proc/300/ns/net --\n"
	r := examineFake(t, later+link)
	expect(t, r, "reused-pid critical")
	if text := strings.Join(r.Findings[0].Evidence, "\n"); !strings.Contains(text, "stranger (pid 300)") || !strings.Contains(text, "the host's own") {
		t.Errorf("evidence %q", text)
	}
	// By a relative path, and of a thread.
	expect(t, examineFake(t, later+"-- run/netns/web -> ../../proc/300/ns/net --\n"), "reused-pid critical")
	// One that was there before, and a link to something else.
	expect(t, examineFake(t, "-- proc/300 (process) --\ncomm old\nstart 400\nnet 4026531840\n"+link))
	expect(t, examineFake(t, later+"-- run/netns/web -> /proc/1/ns/net --\n"))
	// Older than the boot: of another boot, or by another clock.
	expect(t, examineFake(t, later+link+"-- proc/stat --\nbtime 3500000000\n"), "reused-pid unknown")
}

// Whoever can make a symlink gives it its time: what rests on that is no more than a warning,
// and root is not sent there.
func TestUsersLinkIsNotCritical(t *testing.T) {
	const machine = "-- proc/300 (process) --\ncomm stranger\nstart 200000000000\nnet 4026531840\n-- run/netns/web -> /proc/300/ns/net --\n"
	r := examineWith(t, machine, func(s *ns.Snapshot) {
		for i := range s.Namespaces {
			for j := range s.Namespaces[i].Names {
				s.Namespaces[i].Names[j].Authority = ns.UserAuthority(1000)
			}
		}
	})
	expect(t, r, "reused-pid warning")
	f := r.Findings[0]
	if len(f.Fix) > 0 || len(f.Advice) != 1 || !strings.Contains(f.Advice[0], "uid 1000") || !strings.Contains(strings.Join(f.Evidence, "\n"), "not root's word: uid 1000") {
		t.Errorf("commands %q, advice %q, evidence %q", f.Fix, f.Advice, f.Evidence)
	}
}

// A user can mount a namespace over root's file in a mount namespace of the user's own.
func TestUsersPin(t *testing.T) {
	r := examineWith(t, private("/run/netns/old", 4026531840), func(s *ns.Snapshot) {
		for i := range s.Dangling {
			for j := range s.Dangling[i].Pins {
				s.Dangling[i].Pins[j].Mount.Authority = ns.UserAuthority(1000)
			}
		}
	})
	expect(t, r, "live-pin warning")
	if f := r.Findings[0]; len(f.Fix)+len(f.Alternative) > 0 || !strings.Contains(strings.Join(f.Evidence, "\n"), "not root's word: uid 1000") {
		t.Errorf("commands %q and %q, evidence %q", f.Fix, f.Alternative, f.Evidence)
	}
}

func TestHeadlineIsShort(t *testing.T) {
	r := &Report{Snapshot: &ns.Snapshot{Namespaces: make([]ns.Namespace, 123456)}}
	for _, c := range checks {
		for range 1000 {
			r.Findings = append(r.Findings, Finding{Check: c.name, Severity: Warning})
		}
	}
	for _, s := range []Severity{Critical, Unknown} {
		r.Findings = append(r.Findings, Finding{Check: checkReusedPID, Severity: s})
	}
	if line := r.Headline(); len(line) >= 80 || !strings.HasPrefix(line, "CRITICAL: ") || !strings.Contains(line, fmt.Sprintf("%d000 warnings", len(checks))) {
		t.Errorf("headline of %d bytes: %q", len(line), line)
	}
}

func TestEveryCheckHasATableRow(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks {
		if c.find == nil || c.about == "" || seen[c.name] || order(c.name) < 0 {
			t.Errorf("check %q is not whole, or there twice", c.name)
		}
		seen[c.name] = true
		for _, s := range c.needs {
			if !slices.Contains(scan.Sources(), s) {
				t.Errorf("check %s needs the source %q, which there is not", c.name, s)
			}
		}
	}
}

func TestEveryCheckHasAFile(t *testing.T) {
	if _, err := os.Stat("checks.go"); err != nil {
		need.Missing(t, "needs the source beside the test")
	}
	for _, c := range checks {
		if _, err := os.Stat("check_" + strings.ReplaceAll(c.name, "-", "_") + ".go"); err != nil {
			t.Errorf("check %s has no file of its own: %v", c.name, err)
		}
	}
}
