// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/bench/load"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

func TestMain(m *testing.M) {
	// A floor runs this program again.
	if len(os.Args) == 3 && os.Args[1] == "floor" {
		exit(floorMain(os.Args[2], os.Stdout))
	}
	os.Exit(m.Run())
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []time.Duration
		want   time.Duration
	}{
		{nil, 0},
		{[]time.Duration{7}, 7},
		{[]time.Duration{9, 1, 5}, 5},
		{[]time.Duration{10, 1, 4, 2}, 3},
	} {
		if got := median(tt.values); got != tt.want {
			t.Errorf("median(%v) = %d, expected %d", tt.values, got, tt.want)
		}
	}
}

func TestRewrite(t *testing.T) {
	const kind, other = "costly-page-faults", "cheap-page-faults"
	begin, end := startSection.begin(kind), startSection.end(kind)
	of := func(body string) string { return begin + "\n" + body + "\n" + end }
	elsewhere := startSection.begin(other) + "\nold\n" + startSection.end(other) + "\n"
	for _, tt := range []struct{ name, page, want, err string }{
		{"replaces", elsewhere + of("old") + "\nz\n", elsewhere + of("new") + "\nz\n", ""},
		{"adds", newPage(), strings.Replace(newPage(), startSection.last(), of("new")+"\n\n"+startSection.last(), 1), ""},
		{"adds a kind", elsewhere + startSection.last() + "\n", elsewhere + of("new") + "\n\n" + startSection.last() + "\n", ""},
		{"no marks", "a\n", "", "expected one <!-- start:last -->"},
		{"no end", begin, "", "expected one"},
		{"two", of("old") + of("old"), "", "expected one"},
		{"reversed", end + begin, "", "comes before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := startSection.rewrite(tt.page, kind, "new\n\n")
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, expected %q", err, tt.err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %q, error %v, expected %q", got, err, tt.want)
			}
		})
	}
}

func TestPageFault(t *testing.T) {
	took, err := pageFault()
	if err != nil || took < 20*time.Nanosecond || took > time.Millisecond {
		t.Errorf("a page fault takes %v, error %v: no loop that touches fresh pages shows that", took, err)
	}
	if got := (machine{PageFault: time.Microsecond}).kind(); got != "cheap-page-faults" {
		t.Error("a page fault of 1 µs is of", got)
	}
	if got := (machine{PageFault: 18 * time.Microsecond}).kind(); got != "costly-page-faults" {
		t.Error("a page fault of 18 µs is of", got)
	}
}

func TestStartReport(t *testing.T) {
	took := func(name string, wall time.Duration, faults int64) *starter {
		return &starter{name: name, samples: []sample{{Wall: wall, CPU: 2 * wall, Faults: faults}}}
	}
	const ms = time.Millisecond
	r := startReport{Processes: 80, Runs: 1, Starters: []*starter{
		took(helloName, 2*ms, 200), took(lsnsNet, 10*ms, 150), took(nameOf(startVersion), 6*ms, 331),
		took(nameOf(startList), 26*ms, 430), took(nameOf(startProc), 15*ms, 300), took(nameOf(startTrace), 58*ms, 900),
	}}
	want := map[string]string{
		"list: at most 2.5 × lsns -t net":               "2.60 × not met",
		"list: at most 25 ms more than hello world":     "24.0 ms met",
		"list: at most 1400 minor page faults":          "430 met",
		"list --engine proc: at most 1.5 × lsns -t net": "1.50 × met",
		"version: at most 4 ms more than hello world":   "4.0 ms met",
		"version: at most 330 minor page faults":        "331 not met",
		"trace: records within 60 ms of exec":           "58.0 ms met",
	}
	for _, x := range r.targets() {
		if got := x.Found + " " + x.Met; got != want[x.Promise] {
			t.Errorf("%s: %s, expected %s", x.Promise, got, want[x.Promise])
		}
		delete(want, x.Promise)
	}
	if len(want) > 0 {
		t.Errorf("not among the targets: %v", want)
	}
	if md := r.markdown(); !strings.Contains(md, "| nsinspect list | 26.0 | 2.60 | 52.0 | 2.60 | 430 |") {
		t.Errorf("no row of list in:\n%s", md)
	}
	for _, x := range (startReport{}).targets() {
		if x.Met != "unknown" {
			t.Errorf("%s: %s without figures", x.Promise, x.Met)
		}
	}
}

func TestParseCPU(t *testing.T) {
	if got := parseCPU(strings.NewReader("processor\t: 0\nmodel name\t: A  B\n")); got != "A B" {
		t.Errorf("got %q", got)
	}
	if got := parseCPU(strings.NewReader("processor\t: 0\n")); got != "" {
		t.Errorf("got %q from a file without a name", got)
	}
}

// sampleSet has times of so many milliseconds.
func sampleSet(processes, floor, list, lsns int) set {
	wall := func(ms int) []sample {
		return []sample{{Wall: time.Duration(ms) * time.Millisecond, CPU: time.Duration(ms) * time.Millisecond, RSS: 20 << 20}}
	}
	bare := wall(floor + 2)
	bare[0].Loop = time.Duration(floor) * time.Millisecond
	return set{Processes: processes, Threads: 1, Namespaces: 2, OwnPeak: 10 << 20, Absent: []string{"lsuns"}, Results: []result{
		{floorProcesses, bare}, {listTable, wall(list)}, {listOneCore, wall(list + 10)}, {lsnsNet, wall(lsns)},
	}}
}

func TestTargets(t *testing.T) {
	r := report{Sets: []set{sampleSet(1000, 50, 75, 750), sampleSet(3000, 150, 300, 6000)}}
	var got []string
	for _, x := range r.targets() {
		got = append(got, x.Found+": "+x.Met)
	}
	want := []string{"1.50 ×: met", "1.70 ×: not met", "1/10.0: met", "20.0 MiB: met",
		" ×: unknown", " ×: unknown", ": unknown", "0.0 MiB: unknown", "0.0 MiB: unknown", "+33 %: not met", "-100 %: unknown", "-100 %: unknown"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, expected %q", got, want)
	}
	bare := r.Sets[0].Results[0].Samples
	bare[0].CPU = bare[0].Wall / 2
	if got := r.targets()[0].Met; got != "unclear, machine busy" {
		t.Errorf("%s with a floor that waited", got)
	}
	if want := "the floor waited 50 %"; !strings.Contains(r.notes(), want) {
		t.Errorf("no %q in %q", want, r.notes())
	}
	r.Sets[0].Results = r.Sets[0].Results[:1]
	for _, x := range r.targets() {
		if x.Met != "unknown" {
			t.Errorf("%s: %s without figures", x.Promise, x.Met)
		}
	}
}

func TestReport(t *testing.T) {
	r := report{Command: "go run ./bench", Runs: 1, Sets: []set{sampleSet(1000, 50, 75, 750)}}
	var text bytes.Buffer
	if err := r.text(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nsinspect list, processes, threads, mounts 75.0 75.0–75.0 75.0 20.0 1.50 0.10", "not installed: lsuns", "the loop alone 50.0"} {
		if got := strings.Join(strings.Fields(text.String()), " "); !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, text.String())
		}
	}
	want := "| nsinspect list, processes, threads, mounts | 75.0 | 75.0–75.0 | 75.0 | 20.0 | 1.50 | 0.10 |"
	if md := r.markdown(); !strings.Contains(md, want) {
		t.Errorf("no %q in:\n%s", want, md)
	}
}

func TestCheckJSON(t *testing.T) {
	l := &load.Load{PIDs: []int{5, 6, 7}, Namespaces: []load.Namespace{{Inode: 1, Processes: 2, Threads: 2}, {Inode: 2, Processes: 1, Threads: 1}}}
	one := `{"type":"net","inode":1,"processes":2,"threads":2,"leader":{"pid":6}}`
	two := `{"type":"net","inode":2,"processes":1,"threads":1,"leader":{"pid":7}}`
	for _, tt := range []struct{ name, namespaces, err string }{
		{"right", one + "," + two + `,{"type":"net","inode":3,"processes":90}`, ""},
		{"missing", one, "namespace 2 is missing"},
		{"other type", one + "," + strings.Replace(two, "net", "mnt", 1), "namespace 2 is missing"},
		{"twice", one + "," + two + "," + two, "listed twice"},
		{"processes", strings.Replace(one, `"processes":2`, `"processes":1`, 1) + "," + two, "1 processes and 2 more threads, expected 2 and 2"},
		{"leader", strings.Replace(one, `"pid":6`, `"pid":7`, 1) + "," + two, "leader 7 is not in it"},
		{"garbage", "{", "parse JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := checkJSON(strings.NewReader(`{"schema":"nsinspect/v1","namespaces":[`+tt.namespaces+`]}`), l)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, expected %q", err, tt.err)
			}
		})
	}
}

// TestFloors counts what each floor reads under a load.
func TestFloors(t *testing.T) {
	testlock.Exclusive(t) // all that the machine has is counted
	need.Root(t)
	links := func(kind string) int {
		out, err := exec.Command(os.Args[0], "floor", kind).Output()
		if err != nil {
			t.Fatal(err)
		}
		var r floorResult
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatal(err)
		}
		return r.Links
	}
	kinds := []string{"processes", "tasks", "fds"}
	before := map[string]int{}
	for _, kind := range kinds {
		before[kind] = links(kind)
	}
	l, err := load.Start(load.Spec{Processes: 400, Threads: 3, Namespaces: 4, FDs: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i, want := range []int{400, 1200, 1200 + 400*5} {
		// Other processes come and go: at most as many as the load has links.
		got := links(kinds[i])
		if more := got - before[kinds[i]]; got < want || more > 2*want {
			t.Errorf("%s: %d links, %d more under the load, expected about %d", kinds[i], got, more, want)
		}
	}
}

func TestMeasurePinsAndReportsFailure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	s, err := measure(context.Background(), []string{"grep", "Cpus_allowed_list", "/proc/self/status"}, 0, file)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(out)); len(got) != 2 || got[1] != "0" {
		t.Errorf("ran on cores %q, expected 0", got)
	}
	if s.Wall <= 0 || s.RSS <= 0 {
		t.Errorf("nothing measured: %+v", s)
	}
	_, err = measure(context.Background(), []string{"sh", "-c", "echo no luck >&2; exit 3"}, onAnyCore, file)
	if err == nil || !strings.Contains(err.Error(), "exit status 3: no luck") {
		t.Errorf("error %v, expected the status and the output", err)
	}
}
