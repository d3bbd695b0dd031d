// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// fakeWeek is a machine of which a snapshot is taken every hour.
type fakeWeek struct {
	random *rand.Rand
	alive  []living
	cookie uint64
}

type living struct {
	ns.Namespace
	until int // the hour at which it goes; 0: never
	owner string
}

func (w *fakeWeek) uuid() string {
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", w.random.Uint32(), w.random.Uint32()>>16, w.random.Uint32()>>16, w.random.Uint32()>>16, w.random.Uint64()>>16)
}

// add adds a network namespace with a new cookie and the lowest inode that is free.
func (w *fakeWeek) add(name, owner string, uid, until int) *ns.Namespace {
	w.cookie++
	inode := uint64(4026532000)
	for slices.ContainsFunc(w.alive, func(l living) bool { return l.Inode == inode }) {
		inode++
	}
	n := netNS(inode, w.cookie, name)
	n.OwnerUID = uid
	w.alive = append(w.alive, living{n, until, owner})
	return &w.alive[len(w.alive)-1].Namespace
}

// hour has what comes and goes at every hour, and what is made once and kept.
func (w *fakeWeek) hour(h int) {
	w.alive = slices.DeleteFunc(w.alive, func(l living) bool { return l.until != 0 && l.until <= h })
	for range 6 { // pods that end: their namespaces stay for up to nine hours
		w.add("cni-"+w.uuid(), "cni", 0, h+1+w.random.IntN(9))
	}
	for range 3 {
		w.add(fmt.Sprintf("%012x", w.random.Uint64()>>16), "docker", 0, h+1+w.random.IntN(3))
	}
	job := w.add(fmt.Sprintf("job%d", h), "", 1000, h+2) // with a process, of a user's
	job.Holders = append(job.Holders, process(ns.TaskID(1000+h), time.Duration(h+1)*time.Hour))
	mnt := w.add("", "", 0, h+2) // one after the other has the inode
	mnt.Type, mnt.Cookie, mnt.Names, mnt.Inode = ns.Mnt, 0, nil, 4026539000
	mnt.Holders = []ns.Holder{fd(77, 3)}
	switch h {
	case 0:
		for i := range 20 {
			w.add(fmt.Sprintf("pool%d", i), "", 0, 0)
		}
	case 50:
		for i := range 10 {
			w.add(fmt.Sprintf("batch%d", i), "", 0, 0)
		}
	case 60, 100:
		w.add(fmt.Sprintf("lab%d", h), "", 0, 0)
	}
}

func (w *fakeWeek) file(h int, boot string) *File {
	var all []ns.Namespace
	owners := map[uint64]string{}
	for _, l := range w.alive {
		all = append(all, l.Namespace)
		owners[l.Inode] = l.owner
	}
	host := ns.Namespace{Type: ns.Net, Inode: 1, Initial: true}
	f := machine(noon.Add(time.Duration(h)*time.Hour), append(all, host)...)
	f.Snapshot.Machine.BootID = boot
	for inode, r := range owners {
		if r != "" {
			f.Owners.AddNamespace(&ns.Namespace{Inode: inode}, &owner.Owner{Runtime: r, Authority: ns.RootAuthority})
		}
	}
	return f
}

// week returns the snapshots of a week, and adds what leak makes at every hour.
func week(leak func(w *fakeWeek, h int)) (files []*File) {
	w := fakeWeek{random: rand.New(rand.NewPCG(1, 2))}
	for h := range 168 {
		w.hour(h)
		leak(&w, h)
		files = append(files, w.file(h, "b1"))
	}
	return files
}

func fileName(f *File) string {
	return fmt.Sprintf("%s-%03d.json.gz", f.Snapshot.Machine.BootID, f.Snapshot.Taken.Sub(noon)/time.Hour)
}

func seriesOf(t *testing.T, files []*File) []Series {
	t.Helper()
	var tracker Tracker
	for _, f := range files {
		if err := tracker.Add(fileName(f), f); err != nil {
			t.Fatal(err)
		}
	}
	return tracker.Series()
}

func describeLeak(l *Leak) string {
	return fmt.Sprintf("%s %q %q by %d: %d, %d grown, %.3f/h since %s; %+v; %+v", l.Type, l.Runtime, l.Names, l.Creator, l.Count, l.Grown, l.PerHour,
		l.FirstSeen.Sub(noon), [3]any{l.First.Before, l.First.After, l.First.Count}, [3]any{l.Last.Before, l.Last.After, l.Last.Count})
}

// TestLeaksOfAWeek has a week in which much comes and goes, and one kind leaks at every hour.
func TestLeaksOfAWeek(t *testing.T) {
	for _, tt := range []struct {
		name string
		leak func(w *fakeWeek, h int)
		want []string
	}{
		{"nothing", func(*fakeWeek, int) {}, nil},
		{
			"a network namespace", func(w *fakeWeek, _ int) { w.add("netns-"+w.uuid(), "podman", 1000, 0) },
			[]string{`net "podman" "netns-*" by 1000: 168, 167 grown, 1.000/h since 0s; [b1-000.json.gz b1-001.json.gz 1]; [b1-166.json.gz b1-167.json.gz 1]`},
		},
		{
			"one of those that come and go", func(w *fakeWeek, h int) {
				if h >= 10 {
					w.add("cni-"+w.uuid(), "cni", 0, 0)
				}
			},
			[]string{`net "cni" "cni-*" by 0: 148, 148 grown, 0.886/h since 10h0m0s; [b1-009.json.gz b1-010.json.gz 1]; [b1-156.json.gz b1-157.json.gz 1]`},
		},
		{
			"a mount namespace without a name", func(w *fakeWeek, h int) {
				n := w.add("", "systemd", 0, 0)
				n.Type, n.Cookie, n.Names, n.Inode = ns.Mnt, 0, nil, uint64(4026540000+h)
				n.Holders = []ns.Holder{fd(66, h)}
			},
			[]string{`mnt "systemd" "" by 0: 168, 167 grown, 1.000/h since 0s; [b1-000.json.gz b1-001.json.gz 1]; [b1-166.json.gz b1-167.json.gz 1]`},
		},
		{
			"two slow ones", func(w *fakeWeek, h int) {
				if h%36 == 10 {
					w.add("x"+fmt.Sprint(h), "", 0, 0)
				}
				if h%36 == 11 {
					w.add("y"+fmt.Sprint(h), "", 0, 0)
				}
			},
			[]string{
				`net "" "x*" by 0: 5, 5 grown, 0.030/h since 10h0m0s; [b1-009.json.gz b1-010.json.gz 1]; [b1-153.json.gz b1-154.json.gz 1]`,
				`net "" "y*" by 0: 5, 5 grown, 0.030/h since 11h0m0s; [b1-010.json.gz b1-011.json.gz 1]; [b1-154.json.gz b1-155.json.gz 1]`,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := week(tt.leak)
			rand.New(rand.NewPCG(3, 4)).Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
			series := seriesOf(t, files)
			if len(series) != 1 || series[0].Snapshots != 168 || series[0].Last.Sub(series[0].First) != 167*time.Hour {
				t.Fatalf("%+v", series)
			}
			var got []string
			for i := range series[0].Leaks {
				got = append(got, describeLeak(&series[0].Leaks[i]))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// TestLeaksChurn has namespaces that stay for days and go, of which some are younger than any
// that has gone.
func TestLeaksChurn(t *testing.T) {
	for seed := range uint64(8) {
		w := fakeWeek{random: rand.New(rand.NewPCG(seed, 5))}
		var files []*File
		for h := -150; h < 168; h++ {
			w.alive = slices.DeleteFunc(w.alive, func(l living) bool { return l.until <= h })
			for range 2 {
				w.add(fmt.Sprintf("session%d", w.cookie), "", 0, h+1+int(w.random.ExpFloat64()*60))
			}
			if h >= 0 {
				files = append(files, w.file(h, "b1"))
			}
		}
		if s := seriesOf(t, files); len(s[0].Leaks) > 0 {
			t.Errorf("seed %d: %s", seed, describeLeak(&s[0].Leaks[0]))
		}
	}
}

// TestLeaksApart keeps boots and machines apart: what leaks does not outlive a boot.
func TestLeaksApart(t *testing.T) {
	leak := func(w *fakeWeek, _ int) { w.add("netns-"+w.uuid(), "podman", 1000, 0) }
	files := week(leak)[:40]
	for i, f := range files {
		switch {
		case i%2 == 1:
			f.Snapshot.Machine = ns.Machine{Host: "node2", MachineID: "m2", BootID: "b9"}
		case i >= 34:
			f.Snapshot.Machine.BootID = "b2"
		}
		f.Snapshot.Machine.Host += fmt.Sprint("-", i/30) // renamed
	}
	var got []string
	for _, s := range seriesOf(t, files) {
		got = append(got, fmt.Sprintf("%s %s %d %d", s.Machine.MachineID, s.Machine.BootID, s.Snapshots, len(s.Leaks)))
	}
	slices.Sort(got)
	if want := []string{"m1 b1 17 1", "m1 b2 3 0", "m2 b9 20 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestLeaksRefused refuses what shows nothing: a snapshot without all processes, and one
// that is there twice.
func TestLeaksRefused(t *testing.T) {
	var tracker Tracker
	f := week(func(*fakeWeek, int) {})[0]
	if err := tracker.Add("a", f); err != nil {
		t.Fatal(err)
	}
	if err := tracker.Add("b", f); err != ErrTwice {
		t.Errorf("the same again: %v", err)
	}
	f.Snapshot.Taken = later
	f.Snapshot.Gaps = []ns.Gap{{Sources: []string{"process"}, Path: "/proc/1/ns/net", Err: errors.New("refused")}}
	if err := tracker.Add("c", f); err != nil {
		t.Errorf("one process is missing: %v", err)
	}
	f.Snapshot.Taken = later.Add(time.Hour)
	f.Snapshot.Gaps[0].Path = "/proc"
	if err := tracker.Add("d", f); err != ErrNoProcesses {
		t.Errorf("processes are missing: %v", err)
	}
	f.Snapshot.Gaps[0].Path = "/proc/9/ns/net"
	if err := tracker.Add("e", f); err != ErrNoProcesses {
		t.Errorf("one process is missing that is not the first: %v", err)
	}
	f.Snapshot.Gaps, f.Snapshot.Machine.BootID = nil, ""
	if err := tracker.Add("f", f); err != ErrNoBoot {
		t.Errorf("the boot is unknown: %v", err)
	}
	if s := tracker.Series(); len(s) != 1 || s[0].Snapshots != 2 {
		t.Errorf("%+v", s)
	}
}

// TestLeaksMemory keeps little of many snapshots.
func TestLeaksMemory(t *testing.T) {
	var tracker Tracker
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for h := range 24 {
		f := many(noon.Add(time.Duration(h)*time.Hour), 8000, 0, 0)
		if err := tracker.Add(fmt.Sprint(h), f); err != nil {
			t.Fatal(err)
		}
	}
	const most = 4 << 20
	if used := heap() - before; used > most {
		t.Errorf("%d bytes are kept of 24 snapshots of 8000 namespaces, want at most %d", used, most)
	}
	runtime.KeepAlive(&tracker)
}
