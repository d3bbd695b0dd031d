// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// declares reports whether the tier has a limitation.
func (s *session) declares(l trace.Limitation) bool { return slices.Contains(s.Tier().Limitations, l) }

// fails reports whether the call of a kind is to fail.
func (k *kind) fails() bool {
	_, how, _ := strings.Cut(k.name, ", ")
	return k.actor.acts[0].event.Refused || strings.HasPrefix(how, "E")
}

// outcome returns what the events of a call are beside the one that there must be:
// recorded, or the limitations by which it lacks something. It is an error if the tier
// does not declare one, or if what it has is wrong.
func (s *session) outcome(got []trace.Event, want trace.Event) (string, error) {
	if len(got) > 1 {
		return "", fmt.Errorf("%d events: %+v", len(got), got)
	}
	lacks := map[trace.Limitation]bool{}
	if len(got) == 0 {
		lacks[s.whyNone(&want)] = true
	} else {
		if s.declares(trace.LacksUsers) && got[0].UID != -1 {
			return "", fmt.Errorf("it has the user %d", got[0].UID)
		}
		s.compare(&got[0], &want, lacks)
		if got[0].Duration <= 0 && !want.Refused && want.Call != 0 {
			return "", fmt.Errorf("it took %v", got[0].Duration)
		}
		got[0].Time, got[0].Boot, got[0].Duration, want.Call = want.Time, want.Boot, want.Duration, cmp.Or(want.Call, got[0].Call)
		if got[0] != want {
			return "", fmt.Errorf("it is\n%s, want\n%s", describe(got[0]), describe(want))
		}
	}
	var names []string
	for l := range lacks {
		if !s.declares(l) {
			return string(l), fmt.Errorf("the tier does not declare %q; events: %+v", l, got)
		}
		names = append(names, string(l))
	}
	slices.Sort(names)
	return cmp.Or(strings.Join(names, ", "), recorded), nil
}

// whyNone returns the limitation by which there is no event.
func (s *session) whyNone(want *trace.Event) trace.Limitation {
	types := want.Flags.Types()
	if len(types) == 0 {
		types = []ns.Type{want.Target.Type}
	}
	has := func(all ...ns.Type) bool {
		return slices.ContainsFunc(types, func(ty ns.Type) bool { return slices.Contains(all, ty) })
	}
	for _, why := range []struct {
		is bool
		l  trace.Limitation
	}{
		{want.Refused, trace.LacksFiltered},
		{want.ABI == oldABI, trace.LacksCompat32},
		{want.Failed(), trace.LacksFailures},
		{!has(ns.Net, ns.Mnt, ns.User, ns.IPC, ns.UTS, ns.Cgroup), trace.LacksPIDAndTime},
		{!has(ns.Net), trace.LacksOtherMoves},
	} {
		if why.is && s.declares(why.l) {
			return why.l
		}
	}
	return "unknown"
}

// compare takes away from both events what the one that came lacks, by limitation.
func (s *session) compare(got, want *trace.Event, lacks map[trace.Limitation]bool) {
	lack := func(is bool, l trace.Limitation, drop func(e *trace.Event)) {
		if is {
			lacks[l] = true
			drop(got)
			drop(want)
		}
	}
	about := *want
	lack(got.UID < 0 && want.UID >= 0, trace.LacksUsers, func(e *trace.Event) { e.UID = -1 })
	lack(got.ABI == "" && want.ABI != "", trace.LacksCalls, func(e *trace.Event) {
		e.Flags, e.FD, e.Via, e.Target, e.ABI, e.Ret, e.UID = 0, 0, trace.Via{}, trace.Target{}, "", 0, 0
		e.Call = 0
	})
	lack(got.Via == (trace.Via{}) && want.Via != (trace.Via{}), trace.LacksTargets, func(e *trace.Event) {
		e.Via, e.Target = trace.Via{}, trace.Target{}
	})
	if want.Errno == unix.EPERM && !want.Refused && s.declares(trace.LacksReasons) {
		lacks[trace.LacksReasons] = true
	}
	got.Reason = want.Reason // TestReasons has it
	lack(got.PPID == 0, trace.LacksParents, func(e *trace.Event) { e.PPID = 0 })
	if want.From[ns.Net].Cookie == 0 && s.declares(trace.LacksCookies) {
		lacks[trace.LacksCookies] = true // this kernel shows the script none (before 5.14)
	}
	for _, side := range []func(*trace.Event) *trace.Set{
		func(e *trace.Event) *trace.Set { return &e.From },
		func(e *trace.Event) *trace.Set { return &e.To },
	} {
		s.compareSets(side, got, want, &about, lack)
	}
	if got.Via.Kind == trace.ViaPidfd { // of other types than were asked for it has more or less
		for _, ty := range ns.Types() {
			if want.Flags&trace.FlagOf(ty) == 0 {
				got.Target.NS[ty], want.Target.NS[ty] = trace.NS{}, trace.NS{}
			}
		}
	}
}

// isAbout reports whether a call moved its thread between namespaces of a type. Of a PID
// namespace that has no process yet, the kernel shows the script nothing from some
// version after 5.10 on.
func isAbout(e *trace.Event, ty ns.Type) bool {
	return e.Moved(ty) || e.Call != trace.Setns && e.Succeeded() && e.Flags&trace.FlagOf(ty) != 0
}

// compareSets does so with where a thread was, or where it went, by the call about.
func (s *session) compareSets(side func(*trace.Event) *trace.Set, got, want, about *trace.Event,
	lack func(bool, trace.Limitation, func(*trace.Event)),
) {
	for _, ty := range ns.Types() {
		g, w := side(got), side(want)
		if w[ty].Inode == 0 {
			g[ty] = trace.NS{}
			continue
		}
		unknown := trace.LacksShortLived
		switch {
		case s.declares(trace.LacksPIDAndTime) && (ty == ns.PID || ty == ns.Time):
			unknown = trace.LacksPIDAndTime
		case g == &got.From && ty != ns.Net:
			unknown = trace.LacksOtherOrigins
		case g == &got.From:
			unknown = trace.LacksOrigins
		}
		if g[ty].Inode == 0 && !isAbout(about, ty) && s.declares(trace.LacksOtherOrigins) { // it is nothing that the call is about
			g[ty], w[ty] = trace.NS{}, trace.NS{}
			continue
		}
		lack(g[ty].Inode == 0, unknown, func(e *trace.Event) { side(e)[ty] = trace.NS{} })
		lack(g[ty].Cookie == 0 && w[ty].Cookie != 0, trace.LacksCookies, func(e *trace.Event) { side(e)[ty].Cookie = 0 })
	}
}
