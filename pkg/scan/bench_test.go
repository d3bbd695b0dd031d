// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"testing"
)

func BenchmarkScan(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Scan(b.Context(), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
