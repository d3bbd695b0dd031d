// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"strings"
	"testing"
)

func TestIsDoctor(t *testing.T) {
	for line, want := range map[string]bool{
		"nsinspect doctor":                          true,
		"nsinspect who-uses doctor":                 false,
		"nsinspect --engine proc doctor":            true,
		"nsinspect --engine=proc -v doctor -o json": true,
		"nsinspect --engine doctor list":            false,
		"nsinspect --root doctor":                   false,
		"doctor list":                               false,
		"nsinspect exec self -- doctor":             false,
		"nsinspect doctors":                         false,
		"nsinspect":                                 false,
		"":                                          false,
	} {
		var args []*byte
		for _, word := range strings.Fields(line) {
			args = append(args, &append([]byte(word), 0)[0])
		}
		if got := isDoctor(args); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
		if got := isDoctor(append(args, nil, nil)); got != want {
			t.Errorf("%q and what comes after it: %v, want %v", line, got, want)
		}
	}
}

// What the runtime prints is about a lack, or is printed as it is.
func TestLackIn(t *testing.T) {
	for _, test := range []struct {
		text string
		why  bool
		want string
	}{
		{"runtime: failed to create new OS thread (have ", false, noThreads},
		{"runtime: out of memory: cannot allocate ", false, noMemory},
		{"runtime: out of memory", true, noMemory},
		{"failed to reserve page summary memory", true, noMemory},
		{"runtime: cannot allocate memory", true, noMemory},
		{"panic: cannot allocate memory", false, ""},
		{"runtime: eventfd failed with", false, noFiles},
		{"all goroutines are asleep - deadlock!", true, ""},
		{fatal, false, ""},
		{"", true, ""},
	} {
		if got := lackIn(test.text, test.why); got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}
