// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// rawOf returns the bytes of a string that is not UTF-8.
func rawOf(s string) []byte {
	if utf8.ValidString(s) {
		return nil
	}
	return []byte(s)
}

// fakeNames calls namespaces by inode.
type fakeNames map[uint64][]string

func (f fakeNames) Names(_ ns.Type, ns trace.NS) []string { return f[ns.Inode] }
func (f fakeNames) Initial(_ ns.Type, ns trace.NS) bool {
	return ns.Inode >= 4026531833 && ns.Inode < 4026531850
}

func wireOf(names wire.Namer, ev *trace.Event) wire.Call {
	w := wire.Call{
		Time: ev.Time, Event: ev.Call.String(), PID: ev.PID, TID: ev.TID, PPID: ev.PPID, CommBase64: rawOf(ev.Comm),
		Child: ev.Child, ABI: ev.ABI, Partial: ev.Partial, Refused: ev.Refused, Answered: ev.Answered,
	}
	if ev.UID >= 0 {
		w.UID = &ev.UID
	}
	if r := ev.Reason; r.Kind != trace.ReasonUnknown {
		w.Reason = &wire.Reason{Kind: string(r.Kind), Capability: r.Capability, Limit: r.Limit, Userns: wire.NewRef(names, ns.User, r.UserNS)}
	}
	if ev.HasCall() {
		flags := ev.Flags.Names()
		w.Flags, w.Ret = &flags, &ev.Ret
	}
	if ev.Comm != "" || ev.HasCall() {
		w.Comm = &ev.Comm
	}
	if ns := int64(ev.Duration); ns > 0 {
		w.Duration = &ns
	}
	if unanswered(ev) {
		w.Ret = nil
	}
	if ev.Call == trace.Setns {
		w.FD = &ev.FD
	}
	if v := ev.Via; v.Kind != trace.ViaNone {
		w.Via = &wire.Via{Kind: string(v.Kind), Path: v.Path, PathBase64: rawOf(v.Path), PID: v.PID}
	}
	if ev.Interrupted() != "" {
		w.Interrupted = errnoName(ev)
	} else if ev.Errno != 0 {
		w.Errno = errnoName(ev)
	}
	w.From, w.To = wireSet(names, ev.Types(), &ev.From), wireSet(names, ev.Types(), &ev.To)
	if ev.Via.Kind == trace.ViaPidfd {
		w.Targets = wireSet(names, ev.Flags.Types(), &ev.Target.NS)
	} else {
		w.Target = wire.NewRef(names, ev.Target.Type, ev.Target.NS[ev.Target.Type])
	}
	return w
}

func wireSet(names wire.Namer, types []ns.Type, set *trace.Set) map[string]wire.Ref {
	var w map[string]wire.Ref
	for _, t := range types {
		if ns := set[t]; ns.Inode != 0 {
			if w == nil {
				w = map[string]wire.Ref{}
			}
			w[t.String()] = *wire.NewRef(names, t, ns)
		}
	}
	return w
}

func wireTripOf(names wire.Namer, t *Trip) wire.TraceCall {
	w := wire.TraceCall{Call: wireOf(names, &t.Event), Owner: wire.NewOwner(t.Owner)}
	if t.Back != nil {
		w.Folded = &wire.Return{Call: wireOf(names, t.Back), Away: int64(t.Away())}
	}
	return w
}

// reference encodes a value with encoding/json, and its fields in the order of
// their names, since both orders are as good.
func reference(t *testing.T, v any) any {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return decoded(t, buf.Bytes())
}

func decoded(t *testing.T, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if dec.More() {
		t.Fatalf("more than one value in %q", text)
	}
	return v
}

func TestEventJSON(t *testing.T) {
	names := fakeNames{blue.Inode: {"blue", "a\"b\xff"}}
	e := NewEvents(JSON, Style{}, names)
	for _, c := range trips() {
		t.Run(c.name, func(t *testing.T) {
			got := e.Append(nil, &c.trip)
			if bytes.Count(got, []byte("\n")) != 1 || got[len(got)-1] != '\n' {
				t.Errorf("not one line: %q", got)
			}
			if diff := cmp.Diff(reference(t, wireTripOf(names, &c.trip)), decoded(t, got)); diff != "" {
				t.Errorf("differs from encoding/json (-want +got):\n%s", diff)
			}
			if err := wiretest.Validate(got); err != nil {
				t.Error(err)
			}
		})
	}
}

// What scripts rely on, letter by letter.
func TestEventJSONText(t *testing.T) {
	e := NewEvents(JSON, Style{}, fakeNames{blue.Inode: {"blue"}})
	ev := setnsBlue()
	got := string(e.Append(nil, &Trip{Event: ev}))
	want := `{"time":"2026-03-01T12:03:44.120394Z","event":"setns","pid":4242,"tid":4242,"ppid":1,"comm":"ip","uid":0,` +
		`"flags":["CLONE_NEWNET"],"fd":5,"via":{"kind":"nsfs","path":"/run/netns/blue"},"ret":0,"duration_ns":8123,` +
		`"from":{"net":{"type":"net","inode":4026531833,"cookie":3,"initial":true}},"to":{"net":{"type":"net","inode":4026532177,"cookie":4101,"name":"blue"}},` +
		`"target":{"type":"net","inode":4026532177,"cookie":4101,"name":"blue"},"abi":"x86_64"}` + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "q\"\\/", "\x00\b\f\n\r\t\x1b\x7f", "\xff\xfe", "größe 网", "\u009b\u202e\u00a0\u2028", "\U0001f600\U000e0001", "<&>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := wire.Marshal(s, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendString(nil, s)) + "\n"; got != string(want) {
			t.Errorf("%q is encoded as %s, and by encoding/json as %s", s, got, want)
		}
	})
}

func FuzzEventJSON(f *testing.F) {
	f.Add(uint8(1), "ip", "/run/netns/blue", int64(0), uint64(unix.CLONE_NEWNET), uint64(4026532177), uint64(4101), 42, uint8(1))
	f.Add(uint8(3), "a\xff\x1b", "", int64(-1), uint64(1<<63|0x11), uint64(0), uint64(0), 0, uint8(255))
	f.Fuzz(func(t *testing.T, call uint8, comm, path string, ret int64, flags, inode, cookie uint64, pid int, bits uint8) {
		ev := trace.Event{
			Call: trace.Call(call%4) + 1, Time: time.Unix(int64(pid), ret).UTC(), PID: pid, TID: pid >> 1, PPID: pid >> 2, Child: pid >> 3,
			Comm: comm, UID: int(ret), FD: pid, Flags: trace.Flags(flags), Ret: ret, Errno: unix.Errno(bits), ABI: "x86_64",
			Via:     trace.Via{Kind: []trace.ViaKind{"", "nsfs", "pidfd", "other"}[bits%4], Path: path, PID: pid},
			Partial: bits&4 != 0, Refused: bits&8 != 0, Answered: bits&16 != 0,
		}
		if ev.Time.Year() > 9999 || ev.Time.Year() < 0 { // no clock has such a time, and RFC 3339 cannot write it
			return
		}
		at := ns.Type(bits >> 5)
		ev.From[at], ev.To[at] = trace.NS{Inode: inode, Cookie: cookie}, trace.NS{Inode: cookie, Cookie: inode}
		ev.Target.Type, ev.Target.NS[at] = at, ev.To[at]
		names := fakeNames{inode: {comm, path}}
		trip := Trip{Event: ev}
		if bits&16 != 0 {
			trip.Back = &ev
		}
		got := NewEvents(JSON, Style{}, names).Append(nil, &trip)
		if !utf8.Valid(got) || bytes.IndexByte(got, '\n') != len(got)-1 || bytes.ContainsAny(got, "\x1b\x7f") {
			t.Errorf("no clean line: %q", got)
		}
		if diff := cmp.Diff(reference(t, wireTripOf(names, &trip)), decoded(t, got)); diff != "" {
			t.Errorf("differs from encoding/json (-want +got):\n%s", diff)
		}
		line := NewEvents(Table, Style{}, names).Append(nil, &trip)
		if !utf8.Valid(line) || bytes.IndexByte(line, '\n') != len(line)-1 || bytes.ContainsAny(line, "\x1b\x7f\r") {
			t.Errorf("no clean line: %q", line)
		}
	})
}

func BenchmarkEvent(b *testing.B) {
	for _, f := range []Format{Table, JSON} {
		b.Run(string(f), func(b *testing.B) {
			e := NewEvents(f, Style{}, fakeNames{blue.Inode: {"blue"}})
			trip := Trip{Event: setnsBlue()}
			trip.Time = time.Now()
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				out = e.Append(out[:0], &trip)
			}
		})
	}
}
