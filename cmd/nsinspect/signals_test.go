// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"
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
