// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package doctor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// diagnoses has the check that reports each way in which a namespace can be held: by
// one, and by no other. "" is healthy.
var diagnoses = map[nstest.Kind]string{
	nstest.Process:      "",
	nstest.ZombieLeader: "", // a thread is in it, and no process elsewhere
	nstest.Thread:       "split-thread",

	nstest.Mount:        "no-process",
	nstest.MountPrivate: "foreign-mount",
	nstest.MountFD:      "foreign-mount",
	nstest.MountMount:   "foreign-mount",
	nstest.ProcNet:      "held-elsewhere",
}

// Every scene that is not in the table is held by something of a process that is
// elsewhere.
func diagnosis(k nstest.Kind) string {
	if check, ok := diagnoses[k]; ok {
		return check
	}
	return "held-elsewhere"
}

func TestEveryHolder(t *testing.T) {
	for _, kind := range nstest.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			scene := nstest.Make(t, kind)
			p := newPatient(t).with(scene)
			var want []string
			if check := diagnosis(kind); check != "" {
				want = append(want, check)
				if scene.Peer != nil {
					want = append(want, check)
				}
			}
			for _, f := range p.expect(t, want...) {
				checkFinding(t, scene, &f)
			}
		})
	}
}

// checkFinding checks that a finding names its namespace and who holds it.
func checkFinding(t *testing.T, scene *nstest.Scene, f *doctor.Finding) {
	t.Helper()
	if f.Severity != doctor.Warning || !strings.HasPrefix(f.Subject, "net:[") || f.Namespace == nil {
		t.Errorf("finding %+v, want a warning about a namespace", f)
	}
	h := scene.Holders[0]
	if h.Kind == "fd" || h.Kind == "socket" || h.Kind == "tun" || h.Kind == "thread" {
		text := strings.Join(append(f.Evidence, f.Summary), "\n")
		if !strings.Contains(text, fmt.Sprintf("(pid %d)", h.PID)) {
			t.Errorf("evidence %q, want it to name pid %d", text, h.PID)
		}
		if h.FD != nil && scene.Peer == nil && !strings.Contains(text, fmt.Sprintf("fd %d of ", *h.FD)) {
			t.Errorf("evidence %q, want fd %d", text, *h.FD)
		}
		if want := fmt.Sprintf(" && kill %d", h.PID); len(f.Fix) != 1 || !strings.HasSuffix(f.Fix[0], want) {
			t.Errorf("fix %q, want %q", f.Fix, want)
		}
	}
}

// What is not certain is unknown: without the kernel's own list, and where a
// process could not be read, a namespace that nobody seems to be in may have
// somebody in it.
func TestGapsMakeUnknown(t *testing.T) {
	for _, kind := range []nstest.Kind{nstest.Mount, nstest.MountPrivate, nstest.FD, nstest.ProcNet} {
		t.Run(string(kind), func(t *testing.T) {
			p := newPatient(t).with(nstest.Make(t, kind))
			p.change = func(snap *ns.Snapshot) {
				snap.Gaps = append(snap.Gaps, ns.Gap{Sources: []string{"process"}, Path: "/proc/4242/ns/net", Err: errRefused})
			}
			r := p.inspect(t)
			if len(r.Findings) != 1 || r.Findings[0].Severity != doctor.Unknown || r.Status() != doctor.Unknown {
				t.Errorf("status %v, findings %+v, want one, unknown", r.Status(), r.Findings)
			}
			if text := fmt.Sprint(r.Findings); !strings.Contains(text, "/proc/4242/ns/net") {
				t.Errorf("findings %s, want the reason", text)
			}
		})
	}
	t.Run("healthy", func(t *testing.T) {
		p := newPatient(t).with(nstest.Make(t, nstest.Process))
		p.change = func(snap *ns.Snapshot) {
			snap.Gaps = append(snap.Gaps, ns.Gap{Sources: []string{"process"}, Path: "/proc/4242/ns/net", Err: errRefused})
		}
		if r := p.inspect(t); r.Status() != doctor.Unknown || len(r.Findings) != 0 || len(r.Undecided) == 0 {
			t.Errorf("status %v, findings %+v, blind %+v", r.Status(), r.Findings, r.Undecided)
		}
	})
}
