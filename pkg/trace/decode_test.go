// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// record is what the kernel side sends of an event.
func (r *callsEvent) record(path string) []byte {
	r.PathSize = uint32(copy(r.Path[:], path))
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(r)), headSize+int(r.PathSize))...)
}

func TestDecode(t *testing.T) {
	raw := callsEvent{
		Time: 5, Duration: 7, Flags: unix.CLONE_NEWNET, Pid: 10, Tid: 11, Ppid: 12, Uid: 13, Fd: 14, Call: uint8(callsCallCALL_SETNS),
		Via: uint8(callsViaVIA_NSFS), Type: uint32(ns.Net), Comm: [16]uint8{'i', 'p'}, Note: uint8(callsNoteNOTE_FULL_PATH),
	}
	raw.From.Inode[ns.Net], raw.From.NetCookie = 20, 21
	raw.To.Inode[ns.Net], raw.To.NetCookie = 22, 23
	raw.Target = raw.To
	var e Event
	if err := decode(&e, raw.record("blue\x00netns\x00run\x00"), clock{}); err != nil {
		t.Fatal(err)
	}
	want := Event{
		Call: Setns, Time: time.Time{}.Add(5), Boot: 5, Duration: 7, Flags: unix.CLONE_NEWNET, PID: 10, TID: 11, PPID: 12, UID: 13, FD: 14,
		Comm: "ip", ABI: abiNames[0], Via: Via{Kind: ViaNSFS, Path: "/run/netns/blue"},
		From: Set{ns.Net: {20, 21}}, To: Set{ns.Net: {22, 23}}, Target: Target{NS: Set{ns.Net: {22, 23}}},
	}
	if e != want {
		t.Errorf("decoded\n%+v, want\n%+v", e, want)
	}
	raw.Note, raw.Ret = 0, -int64(unix.EPERM)
	if err := decode(&e, raw.record("blue\x00netns\x00"), clock{}); err != nil || e.Via.Path != "…/netns/blue" || e.Ret != -1 || e.Errno != unix.EPERM {
		t.Errorf("decoded %+v, %v", e, err)
	}
	if err := decode(&e, raw.record(""), clock{}); err != nil || e.Via.Path != "net:[22]" {
		t.Errorf("decoded %+v, %v", e, err)
	}
	for name, spoil := range map[string]func(r *callsEvent) []byte{
		"short":     func(r *callsEvent) []byte { return r.record("")[1:] },
		"long":      func(r *callsEvent) []byte { return append(r.record("a"), 0) },
		"no path":   func(r *callsEvent) []byte { return r.record("a")[:headSize] },
		"call":      func(r *callsEvent) []byte { r.Call = uint8(callsCallCALL_COUNT); return r.record("") },
		"call zero": func(r *callsEvent) []byte { r.Call = 0; return r.record("") },
		"abi":       func(r *callsEvent) []byte { r.Abi = 3; return r.record("") },
		"via":       func(r *callsEvent) []byte { r.Via = 4; return r.record("") },
		"type":      func(r *callsEvent) []byte { r.Type = 8; return r.record("") },
	} {
		spoiled := raw
		if err := decode(&e, spoil(&spoiled), clock{}); err == nil {
			t.Errorf("%s: decoded %+v", name, e)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, call := range []callsCall{callsCallCALL_SETNS, callsCallCALL_UNSHARE, callsCallCALL_CLONE} {
		raw := callsEvent{Call: uint8(call), Via: uint8(callsViaVIA_NSFS), Ret: -1}
		f.Add(raw.record("blue\x00netns\x00run\x00"))
		raw.Via = uint8(callsViaVIA_PIDFD)
		f.Add(raw.record(""))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		var e Event
		if decode(&e, record, newClock()) != nil {
			return
		}
		switch {
		case e.Call < Setns || e.Call > Clone || e.ABI == "" || int(e.Target.Type) >= len(ns.Types()):
			t.Errorf("decoded %+v", e)
		case e.Errno != 0 && (e.Ret != -1 || !e.Failed()):
			t.Errorf("failed and did not: %+v", e)
		case strings.ContainsRune(e.Comm, 0) || strings.ContainsRune(e.Via.Path, 0):
			t.Errorf("a zero in a text of %+v", e)
		case e.Via.Kind == ViaNSFS && e.Via.Path == "" || e.Via.Kind != ViaNSFS && e.Via.Path != "":
			t.Errorf("a path that is none: %+v", e.Via)
		}
		for _, f := range []Filter{{}, {Failed: true}, {Types: []ns.Type{ns.Net}}, {NS: NS{Inode: 1}}} {
			_ = f.match(&e)
		}
		_, _, _ = e.Flags.String(), e.Types(), e.Moved(ns.Net)
	})
}
