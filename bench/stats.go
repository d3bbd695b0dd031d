// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// median is the middle value, or the mean of the two middle ones; 0 of none.
func median[T ~int64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	mid := len(s) / 2
	if len(s)%2 == 1 {
		return s[mid]
	}
	return s[mid-1] + (s[mid]-s[mid-1])/2
}

// medianBy is the median of one field.
func medianBy[T ~int64](samples []sample, field func(sample) T) T {
	values := make([]T, len(samples))
	for i, s := range samples {
		values[i] = field(s)
	}
	return median(values)
}

func wall(s sample) time.Duration { return s.Wall }
func cpu(s sample) time.Duration  { return s.CPU }
func loop(s sample) time.Duration { return s.Loop }

// ratio is a/b; 0 stands for unknown.
func ratio[T ~int64](a, b T) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// spread is the range of the wall times.
func spread(samples []sample) (low, high time.Duration) {
	if len(samples) == 0 {
		return 0, 0
	}
	by := func(a, b sample) int { return cmp.Compare(a.Wall, b.Wall) }
	return slices.MinFunc(samples, by).Wall, slices.MaxFunc(samples, by).Wall
}

func peak(samples []sample) int64 {
	var most int64
	for _, s := range samples {
		most = max(most, s.RSS)
	}
	return most
}

// find returns the samples of a contender, none if it took no part.
func (s set) find(name string) []sample {
	for _, r := range s.Results {
		if r.Name == name {
			return r.Samples
		}
	}
	return nil
}

// floorTime is what ratios refer to: the loop over the processes alone.
func (s set) floorTime() time.Duration { return medianBy(s.find(floorProcesses), loop) }

// waited is the part of its time in which the floor did not run.
func (s set) waited() float64 {
	bare := s.find(floorProcesses)
	if len(bare) == 0 {
		return 0
	}
	return 1 - ratio(medianBy(bare, cpu), medianBy(bare, wall))
}

// busy reports whether other programs took part unasked: the floor never sleeps,
// and yet it waited for its core.
func (s set) busy() bool { return s.waited() > 0.1 }

// growth is how the time per process changes between two loads: 1 is linear,
// above it worse. Unknown, 0, if the contender missed one of them.
func growth(small, large set, name string, field func(sample) time.Duration) float64 {
	per := func(s set) float64 { return float64(medianBy(s.find(name), field)) / float64(s.Processes) }
	if per(small) == 0 {
		return 0
	}
	return per(large) / per(small)
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/1e6) }
func mebibytes(n int64) string            { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) }

// times writes a ratio, and nothing for an unknown one.
func times(r float64) string {
	switch {
	case r == 0:
		return ""
	case r < 0.1:
		return fmt.Sprintf("%.3f", r)
	}
	return fmt.Sprintf("%.2f", r)
}
