// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// fakeTracer returns what it is given, batch by batch, and then waits for the end.
type fakeTracer struct {
	done    <-chan struct{}
	batches [][]trace.Event
	lost    [][]trace.Loss // after each look, the last for good
	finish  error
	opts    trace.Options
	closed  int
}

func (f *fakeTracer) Tier() trace.TierInfo {
	return trace.TierInfo{Tier: 3, Name: "untyped", Limitations: []trace.Limitation{trace.LacksTargets, trace.LacksCookies}}
}
func (f *fakeTracer) Refused() []error { return []error{errors.New("tier 1: too good")} }
func (f *fakeTracer) ReadBatch(events []trace.Event) (int, error) {
	if len(f.batches) > 0 {
		n := copy(events, f.batches[0])
		if f.batches[0] = f.batches[0][n:]; len(f.batches[0]) == 0 {
			f.batches = f.batches[1:]
		}
		return n, nil
	}
	select {
	case <-f.done:
		return 0, trace.ErrClosed
	case <-time.After(time.Millisecond):
		return 0, nil
	}
}
func (f *fakeTracer) Lost() ([]trace.Loss, error) {
	l := f.lost[0]
	if len(f.lost) > 1 {
		f.lost = f.lost[1:]
	}
	return l, nil
}
func (f *fakeTracer) Detach() error { return nil }
func (f *fakeTracer) Finish() (trace.Summary, error) {
	return trace.Summary{Checked: 7, SplitThreads: []trace.Disagreement{{PID: 1, TID: 2, Comm: "hopper", Found: trace.NS{Inode: 20}}}}, f.finish
}
func (f *fakeTracer) Close() error { f.closed++; return nil }

// traceWith runs the command with a tracer that is not the kernel's.
func traceWith(t *testing.T, f *fakeTracer, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	if f.lost == nil {
		f.lost = [][]trace.Loss{{{Kind: "setns", Known: true}}}
	}
	var out, notes bytes.Buffer
	a := &app{stdout: &out, stderr: &notes, openTracer: func(ctx context.Context, o trace.Options) (tracer, error) {
		f.done, f.opts = ctx.Done(), o
		return f, nil
	}}
	cmd := a.command()
	cmd.SetArgs(append([]string{"trace", "--syscalls"}, args...))
	err = cmd.ExecuteContext(context.Background())
	if err == nil && f.closed != 1 {
		t.Errorf("the tracer was closed %d times", f.closed)
	}
	return out.String(), notes.String(), err
}

func TestTraceCount(t *testing.T) {
	var batch []trace.Event
	for i := range 3000 {
		batch = append(batch, hop(i, 1+i, 10, 20))
	}
	f := &fakeTracer{batches: [][]trace.Event{{failedHop(0, 9, 10)}, batch}}
	out, notes, err := traceWith(t, f, "--count", "1500")
	if err != nil || strings.Count(out, "\n") != 1500 {
		t.Errorf("%d lines (%v), want 1500", strings.Count(out, "\n"), err)
	}
	for _, want := range []string{
		"nsinspect: tracing setns, unshare and clone by tier 3; Ctrl-C ends it\n",
		"nsinspect: 1500 setns (1 failed); nothing lost; tier 3\n",
		"nsinspect: 1501 more were recorded after --count was reached\n",
		"nsinspect: thread 2 (hopper) of process 1 ended up in 20, which is not its process's namespace\n",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in %q", want, notes)
		}
	}
	if strings.Contains(notes, "cannot see") {
		t.Errorf("too much is printed: %q", notes)
	}
}

// With --fold a round trip counts as one, and both calls are in the summary.
func TestTraceFold(t *testing.T) {
	f := &fakeTracer{batches: [][]trace.Event{{hop(0, 1, 10, 20)}, {hop(500, 1, 20, 10)}, {hop(501, 1, 10, 20)}}}
	out, notes, err := traceWith(t, f, "--fold", "--count", "1", "-o", "json")
	if err != nil || !strings.Contains(out, `"folded":{`) || !strings.Contains(out, `"away_ns":500000000}`) {
		t.Errorf("not folded (%v): %s", err, out)
	}
	if !strings.Contains(notes, "2 setns; ") {
		t.Errorf("the summary is %q", notes)
	}
	// What is still away at the end is printed as it is.
	f = &fakeTracer{batches: [][]trace.Event{{hop(0, 1, 10, 20)}}}
	out, _, err = traceWith(t, f, "--fold=1h", "--duration", "50ms")
	if err != nil || strings.Count(out, "net    10         → 20") != 1 {
		t.Errorf("printed (%v): %s", err, out)
	}
}

// A call that names no namespace is counted apart, and is no event for --count.
func TestTraceLeavesOut(t *testing.T) {
	idle := trace.Event{Call: trace.Unshare, PID: 1, TID: 1, Comm: "idle", Flags: unix.CLONE_FILES}
	for format, want := range map[string]string{"table": "1 setns, 1 unshare of no namespace left out; ", "wide": "1 setns, 1 unshare; "} {
		f := &fakeTracer{batches: [][]trace.Event{{idle, hop(0, 9, 10, 20)}}}
		count := map[string]string{"table": "1", "wide": "2"}[format]
		out, notes, err := traceWith(t, f, "-o", format, "--count", count)
		if err != nil || strings.Contains(out, "idle") != (format == "wide") || !strings.Contains(notes, want) {
			t.Errorf("%s: %v\n%s%s", format, err, out, notes)
		}
	}
}

func TestTraceJSON(t *testing.T) {
	some, more := []trace.Loss{{Kind: "setns", Total: 5, Known: true}, {Kind: "clone"}}, []trace.Loss{{Kind: "setns", Total: 17, Known: true}, {Kind: "clone"}}
	f := &fakeTracer{batches: [][]trace.Event{{hop(0, 1, 10, 20)}}, lost: [][]trace.Loss{some, more}}
	out, _, err := traceWith(t, f, "-o", "json", "--duration", "20ms")
	if err != nil {
		t.Fatal(err)
	}
	if err := wiretest.Validate([]byte(out)); err != nil {
		t.Error(err)
	}
	var kinds, lost []string
	for line := range strings.Lines(out) {
		var r struct {
			Event, Kind  string
			Schema       string
			Count, Total *int
			Tier         int
			Limitations  []string
			Refusals     []string
			Checked      int
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		kinds = append(kinds, r.Event)
		switch {
		case r.Event == "start" && (r.Schema != "nsinspect/v1" || r.Tier != 3 || len(r.Limitations) != 2 || len(r.Refusals) != 1):
			t.Errorf("the start is %s", line)
		case r.Event == "end" && r.Checked != 7:
			t.Errorf("the end is %s", line)
		case r.Event == "lost":
			lost = append(lost, line[max(0, strings.Index(line, `"kind"`)):])
		}
	}
	if want := []string{"start", "setns", "lost", "lost", "lost", "end"}; !slices.Equal(kinds, want) {
		t.Errorf("records are %q, want %q", kinds, want)
	}
	want := []string{
		`"kind":"setns","count":5,"total":5}` + "\n", `"kind":"setns","count":12,"total":17}` + "\n", `"kind":"clone"}` + "\n",
	}
	if !slices.Equal(lost, want) {
		t.Errorf("lost is %q, want %q", lost, want)
	}
}

func TestTraceVerbose(t *testing.T) {
	f := &fakeTracer{batches: [][]trace.Event{{hop(0, 1, 10, 20)}}, finish: errors.New("blind")}
	_, notes, err := traceWith(t, f, "-v", "--count", "1")
	want := "nsinspect: tier 3: BPF programs without kernel types; where threads are is read from /proc a moment later\n" +
		"nsinspect: tier 3 does not record: which file was passed to setns; cookies\nnsinspect: not used: tier 1: too good\n"
	if err != nil || !strings.HasPrefix(notes, want) || !strings.HasSuffix(notes, "nsinspect: what was not seen is unknown: blind\n") {
		t.Errorf("%v: the notes are %q", err, notes)
	}
}

func TestTraceOptions(t *testing.T) {
	f := &fakeTracer{batches: [][]trace.Event{{hop(0, 1, 10, 20)}}}
	_, _, err := traceWith(t, f, "--count=1", "--pid=42", "--comm=fifteen bytes15", "--type=mnt,net", "--failed", "--tier=2", "--buffer=64K", "--ns=self")
	o := f.opts
	if err != nil || o.Filter.PID != 42 || o.Filter.Comm != "fifteen bytes15" || !o.Filter.Failed || o.Tier != 2 || o.Buffer != 1<<16 || o.Follow ||
		!slices.Equal(o.Filter.Types, []ns.Type{ns.Mnt, ns.Net}) {
		t.Errorf("%v: %+v", err, o)
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/mnt", &st); err != nil {
		t.Fatal(err)
	}
	if o.Filter.NS.Inode != st.Ino {
		t.Errorf("self is %d, want the mount namespace, since mnt is the first type", o.Filter.NS.Inode)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int{"4096": 4096, "4K": 4096, "16M": 16 << 20, "16MiB": 16 << 20, "1G": 1 << 30, "1024M": 1 << 30} {
		if got, err := parseSize("--buffer", text); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "K", "2048", "4097", "15M", "2G", "-4K", "4 K", "4k", "4KB", "1e4", "9999999999999999999G", "4KM"} {
		if got, err := parseSize("--buffer", text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// fullWriter is a device without space.
type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, unix.ENOSPC }

func TestTraceFullDisk(t *testing.T) {
	f := &fakeTracer{batches: [][]trace.Event{{hop(0, 1, 10, 20)}}, lost: [][]trace.Loss{nil}}
	a := &app{stdout: fullWriter{}, stderr: &bytes.Buffer{}, openTracer: func(ctx context.Context, o trace.Options) (tracer, error) {
		f.done = ctx.Done()
		return f, nil
	}}
	cmd := a.command()
	cmd.SetArgs([]string{"trace", "--syscalls"})
	if err := cmd.ExecuteContext(context.Background()); !errors.Is(err, unix.ENOSPC) || f.closed != 1 {
		t.Errorf("%v, closed %d times", err, f.closed)
	}
}
