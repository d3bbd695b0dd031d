// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestStuck has a command be stuck only when it had its time, and never when it has
// returned or a COMMAND has the signals.
func TestStuck(t *testing.T) {
	between := (signalPatience + beatPatience) / 2
	for name, test := range map[string]struct {
		do   func(*signals)
		ago  time.Duration
		want bool
	}{
		"just signalled":   {func(*signals) {}, 0, false},
		"long ago":         {func(*signals) {}, between, true},
		"a trace at work":  {(*signals).beat, between, false},
		"a trace stuck":    {(*signals).beat, 2 * beatPatience, true},
		"a trace ended":    {func(s *signals) { s.beat(); s.silent() }, between, true},
		"a trace just now": {func(s *signals) { s.beat(); s.silent() }, signalPatience / 2, false},
		"unloads":          {func(s *signals) { s.beat(); s.unloads() }, 2 * beatPatience, false},
		"unloads for long": {func(s *signals) { s.beat(); s.unloads() }, 2 * unloadPatience, true},
		"unloaded":         {func(s *signals) { s.beat(); s.unloads(); s.unloaded() }, between, true},
		"forwarded":        {func(s *signals) { s.forwarded.Store(true) }, 2 * beatPatience, false},
		"returned":         {func(s *signals) { s.returned.Store(true) }, 2 * beatPatience, false},
	} {
		t.Run(name, func(t *testing.T) {
			var s signals
			s.alive()
			test.do(&s)
			s.at.Add(-int64(test.ago))
			if got := s.stuck(); got != test.want {
				t.Errorf("stuck: %v, want %v", got, test.want)
			}
		})
	}
}

// TestSignalsEndWatch has each signal of a terminal end a command, in order and without the stacks
// that the Go runtime prints at SIGQUIT, and SIGHUP not end one that was started to ignore it.
func TestSignalsEndWatch(t *testing.T) {
	program := program(t)
	watch := []string{program, "list", "--watch=10ms", "--engine", "proc", "-o", "name", "self"}
	for name, test := range map[string]struct {
		below []string
		sent  []unix.Signal
	}{
		"SIGINT":   {nil, []unix.Signal{unix.SIGINT}},
		"SIGTERM":  {nil, []unix.Signal{unix.SIGTERM}},
		"SIGQUIT":  {nil, []unix.Signal{unix.SIGQUIT}},
		"SIGHUP":   {nil, []unix.Signal{unix.SIGHUP}},
		"ignoring": {[]string{"sh", "-c", `trap "" HUP; exec "$@"`, "sh"}, []unix.Signal{unix.SIGHUP, unix.SIGTERM}},
	} {
		t.Run(name, func(t *testing.T) {
			defaultsBelow(t, unix.SIGHUP)
			line := slices.Concat(test.below, watch)
			cmd := exec.Command(line[0], line[1:]...)
			var notes bytes.Buffer
			cmd.Stderr = &notes
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for _, sig := range test.sent {
				// It is at work.
				if _, err := io.CopyN(io.Discard, out, 100); err != nil {
					t.Error(err)
				}
				if err := cmd.Process.Signal(sig); err != nil {
					t.Error(err)
				}
				time.Sleep(100 * time.Millisecond) // it ends by a signal in much less
			}
			if err := cmd.Wait(); err != nil || bytes.Contains(notes.Bytes(), []byte("goroutine")) {
				t.Errorf("%v: %.300s", err, &notes)
			}
		})
	}
}

// defaultsBelow has a signal its default action in what the test starts, also where the tests were
// started to ignore it, by nohup.
func defaultsBelow(t *testing.T, sig os.Signal) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, sig)
	t.Cleanup(func() { signal.Stop(caught) })
}
