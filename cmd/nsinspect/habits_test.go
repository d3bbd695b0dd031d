// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"testing"
)

// A time behind a flag that may stand alone is its value, wherever the flag is. Anything else
// stays as it is: values of other flags, references, a command.
func TestJoinTimes(t *testing.T) {
	for _, line := range []struct{ typed, read string }{
		{"list -w 5s", "list -w=5s"},
		{"list -w5s", "list -w=5s"},
		{"list blue --watch 5s red", "list blue --watch=5s red"},
		{"--engine proc list -nAw5s blue", "--engine proc list -nAw=5s blue"},
		{"list -nw 5s 4242", "list -nw=5s 4242"},
		{"list 4242 -w", ""},
		{"list --watch blue 5s", ""},
		{"list --watch=1s 5s", ""},
		{"list -w=1s 5s", ""},
		{"list -owide 5s", ""},
		{"list -o -w 5s", ""},
		{"list --filter --watch 5s", ""},
		{"list --name -w5s", ""},
		{"list --all 5s", ""},
		{"list --nosuch 5s -x5 -", ""},
		{"list -- -w 5s", ""},
		{"exec blue -- sleep -w 5s", ""},
		{"doctor -w 1m", "doctor -w=1m"},
		{"trace --fold 2s -- sleep 5s", "trace --fold=2s -- sleep 5s"},
		{"nosuch -w 5s", ""},
		{"-w 5s", ""},
	} {
		if line.read == "" {
			line.read = line.typed
		}
		got := joinTimes((&app{}).command(), strings.Fields(line.typed))
		if !slices.Equal(got, strings.Fields(line.read)) {
			t.Errorf("%s: read %q, want %s", line.typed, got, line.read)
		}
	}
}
