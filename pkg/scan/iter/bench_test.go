// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package iter

import "testing"

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		r, err := Open(Options{})
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
