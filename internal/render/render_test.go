// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"golang.org/x/sys/unix"
	"sigs.k8s.io/yaml"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

func sample() *ns.Snapshot {
	s := &ns.Snapshot{
		Taken: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Engine: "proc", Sources: []string{"process", "thread", "mount"}, Types: []ns.Type{ns.Net}, Root: "/",
		Namespaces: []ns.Namespace{
			{
				Inode: 4026531833, Initial: true, Threads: 7,
				Holders: []ns.Holder{{Kind: ns.KindProcess, PID: 1}},
				Leader:  &ns.Process{PID: 1, Comm: "init", Cmdline: []string{"/sbin/init", "splash"}, UID: -1},
			},
			{
				Inode:   4026532177,
				Names:   []ns.Name{{Name: strings.Repeat("n", 255), Path: "/run/netns/" + strings.Repeat("n", 255), Kind: ns.NameMount, Authority: ns.RootAuthority}},
				Holders: []ns.Holder{{Kind: ns.KindMount, Path: "/run/netns/\x1b[31m", MountID: 41}},
			},
		},
	}
	s.Initial[ns.Net] = 4026531833
	return s
}

func TestTableFitsTheTerminal(t *testing.T) {
	for _, width := range []int{60, 80, 200} {
		var out bytes.Buffer
		if err := List(&out, sample(), nil, View{Format: Table}, Style{Width: width}, false); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if w := twwidth.Width(strings.TrimSuffix(line, "\n")); w > width {
				t.Errorf("a line of %d columns on a terminal of %d: %q", w, width, line)
			}
		}
		if !strings.Contains(out.String(), "4026532177") || !strings.Contains(out.String(), "nnn…") {
			t.Errorf("the wrong thing was cut:\n%s", out.String())
		}
	}
	var whole bytes.Buffer
	if err := List(&whole, sample(), nil, View{Format: Table}, Style{}, false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(whole.String(), strings.Repeat("n", 255)) {
		t.Errorf("a pipe gets less than everything:\n%s", whole.String())
	}
}

// One stranger's long command line is written once, not as spaces on every line.
func TestLongCommandIsNotPadded(t *testing.T) {
	s := sample()
	n := &ns.Namespace{Inode: 4026532177}
	for pid := 1; pid <= 50; pid++ {
		h := processA(pid)
		n.Holders = append(n.Holders, h)
	}
	const long = 1 << 16
	n.Holders[25].Process.Cmdline = []string{strings.Repeat("y", long)}
	var out bytes.Buffer
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := Uses(&out, &explain.Adviser{Snapshot: s}, n, nil, Table, Style{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 16*long {
		t.Errorf("%d bytes allocated for one command line of %d and 50 rows", made, long)
	}
	lines := strings.Split(out.String(), "\n")
	if !strings.Contains(lines[2], "COMMAND") || !strings.HasSuffix(lines[28], "  "+strings.Repeat("y", text.CellWidth-1)+"…") || !strings.HasSuffix(lines[27], "  [a]") {
		t.Errorf("the last column is wrong: %q", out.String()[:200])
	}
}

func TestColor(t *testing.T) {
	var plain, color bytes.Buffer
	for out, style := range map[*bytes.Buffer]Style{&plain: {}, &color: {Color: true}} {
		if err := List(out, sample(), nil, View{Format: Table}, style, false); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(plain.String(), "\x1b") {
		t.Errorf("colour where none was asked for: %q", plain.String())
	}
	stripped := strings.NewReplacer(bold, "", cyan, "", yellow, "", reset, "").Replace(color.String())
	if stripped != plain.String() || color.String() == plain.String() {
		t.Errorf("colour changes the text:\n%q\n%q", color.String(), plain.String())
	}
}

// Every column of a wide table has a value in every row, for awk and column.
func TestWideHasNoEmptyCells(t *testing.T) {
	s := sample()
	s.Namespaces = s.Namespaces[1:]
	var out bytes.Buffer
	if err := List(&out, s, nil, View{Format: Wide}, Style{}, false); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if head, row := strings.Fields(lines[0]), strings.Fields(lines[1]); len(head)+1 != len(row) { // "1 mount" is two words
		t.Errorf("%d titles, %d cells:\n%s", len(head), len(row)-1, out.String())
	}
}

func TestJSONAndYAMLAgree(t *testing.T) {
	s := sample()
	s.Gaps = []ns.Gap{{Sources: []string{"process"}, Path: "/proc/1/ns/net", Err: unix.EACCES}}
	var j, y bytes.Buffer
	for f, out := range map[Format]*bytes.Buffer{JSON: &j, YAML: &y} {
		if err := List(out, s, nil, View{Format: f}, Style{}, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := wiretest.Validate(j.Bytes()); err != nil {
		t.Error(err)
	}
	if strings.Count(j.String(), "\n") != 1 {
		t.Errorf("not one line: %q", j.String())
	}
	back, err := yaml.YAMLToJSON(y.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := errors.Join(json.Unmarshal(j.Bytes(), &a), json.Unmarshal(back, &b)); err != nil {
		t.Fatal(err)
	}
	if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
		t.Errorf("JSON %s\nYAML %s", x, y)
	}
	for _, want := range []string{
		`"taken":"2026-03-01T12:00:00Z"`, `"complete":false`, `"error":"permission denied"`,
		`"holder_counts":{"mount":0,"process":1,"thread":0}`, `"leader":{"pid":1,"comm":"init","cmdline":["/sbin/init","splash"]}`, `"initial":true`,
	} {
		if !strings.Contains(j.String(), want) {
			t.Errorf("no %s in %s", want, j.String())
		}
	}
}

// What is unknown is absent.
func TestUnknownIsAbsent(t *testing.T) {
	s := sample()
	s.Initial[ns.Net] = 0
	var out bytes.Buffer
	if err := List(&out, s, nil, View{Format: JSON}, Style{}, true); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"initial", "uid", "started", "cookie"} {
		if strings.Contains(out.String(), `"`+field+`"`) {
			t.Errorf("%s is there though it is unknown: %s", field, out.String())
		}
	}
}

func TestGapNotes(t *testing.T) {
	s := sample()
	for pid := range 12 {
		s.Gaps = append(s.Gaps, ns.Gap{Sources: []string{"process"}, Path: fmt.Sprintf("/proc/%d/ns/net", pid), Err: unix.EACCES})
	}
	for i := range 5 {
		s.Gaps = append(s.Gaps, ns.Gap{Sources: []string{"name"}, Path: fmt.Sprintf("/run/%d\x1b", i), Err: unix.EIO})
	}
	notes := strings.Join(GapNotes(s, nil, false), "\n")
	for _, want := range []string{"12 processes unreadable: ", `"/run/0\x1b" unreadable: input/output error`, "2 more could not be read: -v lists them"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in:\n%s", want, notes)
		}
	}
	if n := len(GapNotes(s, nil, true)); n != 1+17+1 {
		t.Errorf("%d notes when all are asked for:\n%s", n, strings.Join(GapNotes(s, nil, true), "\n"))
	}
	if notes := GapNotes(sample(), nil, false); len(notes) != 0 {
		t.Errorf("notes about nothing: %q", notes)
	}
}

func TestNoteWithoutEngine(t *testing.T) {
	for want, err := range map[string]error{
		"not looked at: files in flight: the bpf engine sees them: use --engine bpf, as root":           nil,
		"not looked at: files in flight: the bpf engine, which sees them, did not start: it is too old": errors.New("it is too old"),
		"not looked at: files in flight: the bpf engine sees them, run as root ":                        fmt.Errorf("needs CAP_BPF: %w", unix.EPERM),
	} {
		s := sample()
		s.NoEngine, s.Gaps = err, []ns.Gap{{Sources: []string{"inflight"}, Path: "/proc", Err: scan.ErrNotInProc}}
		if got := GapNotes(s, nil, false); len(got) != 1 || got[0] != strings.TrimSpace(want) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
