// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/bench/load"
	"github.com/nsinspect/nsinspect/internal/need"
)

func BenchmarkOpen(b *testing.B) {
	need.Root(b)
	for b.Loop() {
		r, err := Open(Options{})
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// BenchmarkScan reads a machine with 10,000 processes of two threads each in 200
// namespaces, each with three namespace files open.
func BenchmarkScan(b *testing.B) {
	need.Root(b)
	busy, err := load.Start(load.Spec{Processes: 10000, Threads: 2, Namespaces: 200, FDs: 3})
	if err != nil {
		b.Fatal(err)
	}
	defer busy.Close()
	for name, types := range map[string]uint32{"net": unix.CLONE_NEWNET, "all": 0} {
		r := open(b, Options{Types: types, Passes: Usual | rare})
		b.Run("tasks/"+name, func(b *testing.B) { benchTasks(b, r) })
		b.Run("files/"+name, func(b *testing.B) { benchFiles(b, r.Files) })
		if name == "all" {
			continue
		}
		b.Run("inflight", func(b *testing.B) { benchFiles(b, r.InFlight) })
		b.Run("mapped", func(b *testing.B) { benchFiles(b, r.Mapped) })
		b.Run("mappings", func(b *testing.B) { benchFiles(b, r.Mappings) })
		b.Run("nets", func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Nets(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func benchTasks(b *testing.B, r *Reader) {
	b.ReportAllocs()
	var totals Totals
	for b.Loop() {
		var err error
		if totals, err = r.Tasks(func(*Task) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(totals.Records), "records")
}

func benchFiles(b *testing.B, pass func(func(*File)) (Totals, error)) {
	b.ReportAllocs()
	var totals Totals
	for b.Loop() {
		var err error
		if totals, err = pass(func(*File) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(totals.Records), "records")
	b.ReportMetric(float64(totals.Visited), "shown")
}
