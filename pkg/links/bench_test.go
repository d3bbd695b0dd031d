// SPDX-License-Identifier: Apache-2.0

package links

import (
	"testing"

	"github.com/nsinspect/nsinspect/bench/load"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// BenchmarkRead is what links of 200 namespaces cost beyond the scan.
func BenchmarkRead(b *testing.B) {
	need.Root(b)
	l, err := load.Start(load.Spec{Processes: 200, Namespaces: 200, Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	h, err := host.Open("/")
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	snap, err := scan.Scan(b.Context(), scan.Options{Host: h, Details: true})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := Read(b.Context(), h, snap); err != nil {
			b.Fatal(err)
		}
	}
}
