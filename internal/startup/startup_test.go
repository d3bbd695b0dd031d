// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"runtime"
	"strings"
	"testing"
)

// rate is what it was at the start, before the flags of the test.
var rate int

func init() { rate = runtime.MemProfileRate }

func TestNoAllocationIsRecorded(t *testing.T) {
	if rate != 0 {
		t.Errorf("one allocation is recorded in %d bytes", rate)
	}
}

func TestCommandIn(t *testing.T) {
	for line, want := range map[string]string{
		"nsinspect doctor":                          "doctor",
		"nsinspect who-uses doctor":                 "who-uses",
		"nsinspect --engine proc doctor":            "doctor",
		"nsinspect --engine=proc -v doctor -o json": "doctor",
		"nsinspect --engine doctor list":            "list",
		"nsinspect --root doctor":                   "",
		"doctor list":                               "list",
		"nsinspect exec self -- doctor":             "exec",
		"nsinspect doctors":                         "doctors",
		"nsinspect":                                 "",
		"":                                          "",
	} {
		var args []*byte
		for _, word := range strings.Fields(line) {
			args = append(args, &append([]byte(word), 0)[0])
		}
		if got := commandIn(args); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
		if got := commandIn(append(args, nil, nil)); got != want {
			t.Errorf("%q and what comes after it: %q, want %q", line, got, want)
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
