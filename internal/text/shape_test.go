// SPDX-License-Identifier: Apache-2.0

package text

import "testing"

func TestShape(t *testing.T) {
	for name, want := range map[string]string{
		"blue": "blue", "test12": "test*", "web1a2": "web*a*", "27d0a9f1c2b3": "*", "facade": "facade", "add1": "add*",
		"cni-6ba7b810-9dad-11d1-80b4-00c04fd430c8":     "cni-*",
		"qrouter-6ba7b810-9dad-11d1-dada-00c04fd430c8": "qrouter-*",
		"6ba7b810-9dad": "*-*dad", "é5": "é*", "\xff7": "\xff*", "": "",
	} {
		if got := Shape(name); got != want {
			t.Errorf("Shape(%q) = %q, want %q", name, got, want)
		}
	}
}
