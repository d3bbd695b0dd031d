// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package strace

import (
	"context"
	"errors"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// Record has run put a command behind strace's, and returns what strace and a
// tracer recorded in the same time. It skips the test where one of them cannot work.
func Record(t testing.TB, run func(straced []string)) (Calls, []trace.Event) {
	t.Helper()
	testlock.Shared(t)
	need.Root(t)
	need.Program(t, "strace")
	ctx, end := context.WithCancel(t.Context())
	defer end()
	tracer, err := trace.Open(ctx, trace.Options{})
	if err != nil {
		need.Missing(t, "needs a tracer: "+err.Error())
	}
	defer func() {
		if err := tracer.Close(); err != nil {
			t.Errorf("close tracer: %v", err)
		}
	}()
	dir := t.TempDir()
	run(Command(dir))
	end()
	var events []trace.Event
	for {
		e, err := tracer.Read()
		if errors.Is(err, trace.ErrClosed) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	calls, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	lost, err := tracer.Lost()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lost {
		if l.Total > 0 {
			t.Errorf("%d lost of %s", l.Total, l.Kind)
		}
	}
	return calls, events
}

// Compare checks that both recorded the same, and that such calls are among it, as of
// path.Match; none at all where want is empty.
func Compare(t testing.TB, calls Calls, events []trace.Event, want ...string) {
	t.Helper()
	for _, d := range calls.Differences(events) {
		t.Error(d)
	}
	for _, call := range want {
		if !calls.Has(call) {
			t.Errorf("strace saw no %s: %v", call, calls)
		}
	}
	if calls.Count() < len(want) || len(want) == 0 && calls.Count() > 0 {
		t.Errorf("%d calls: %v", calls.Count(), calls)
	}
}
