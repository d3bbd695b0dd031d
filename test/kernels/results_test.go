// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const console = "@@begin probe\nrelease: 5.10.0\nBTF: yes\n@@end probe 0\n@@begin modes\n@@end modes 0\n@@begin pkg/a\n" +
	"\x16=== RUN   TestGood\n\x16--- PASS: TestGood (12.30s)\n" +
	"\x16=== RUN   TestOld\n    a_test.go:7: needs Linux 6.0\n\x16=== NAME  \n\x16--- SKIP: TestOld (0.00s)\n" +
	"\x16=== RUN   TestParent\n\x16=== RUN   TestParent/child\nnoise without an end\x16--- FAIL: TestParent (0.00s)\n    \x16--- FAIL: TestParent/child (0.00s)\n" +
	"\x16=== RUN   TestHangs\npanic: test timed out\n@@end pkg/a 2\n@@done\n"

func TestReport(t *testing.T) {
	r := newReport([]byte(console), []suite{{dir: "pkg/a"}, {dir: "pkg/b"}})
	if r.release != "5.10.0" || r.tests.Passed != 1 || len(r.tests.Skipped) != 1 || len(r.tests.Failed) != 3 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([]string{"BTF: yes", "skip pkg/a TestOld: needs Linux 6.0"}, r.facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	failed := strings.Join(r.failed, "\n")
	for _, want := range []string{"pkg/a TestParent failed", "pkg/a TestParent/child failed\n\tnoise without an end", "pkg/a TestHangs failed\n\tpanic: test timed out", "pkg/b did not run"} {
		if !strings.Contains(failed, want) {
			t.Errorf("no %q in:\n%s", want, failed)
		}
	}
	if len(r.lines) != 1 || !strings.Contains(r.lines[0], "TestGood 12 s") {
		t.Errorf("lines %q", r.lines)
	}
}

// A binary that crashes is a failure even if no test of it has failed, and so is one
// without a test, and one whose end the machine did not reach.
func TestCrashedBinaryFails(t *testing.T) {
	for _, end := range []string{"@@end pkg/a 2\n", "", "@@end pkg/a 0\n"} {
		output := "\x16=== RUN   TestGood\n\x16--- PASS: TestGood (0.00s)\nfatal error: out of memory\n"
		if end == "@@end pkg/a 0\n" {
			output = "PASS\n"
		}
		r := newReport([]byte("@@begin probe\n@@end probe 0\n@@begin modes\n@@end modes 0\n@@begin pkg/a\n"+output+end), []suite{{dir: "pkg/a"}})
		if len(r.failed) != 1 {
			t.Errorf("%q: %q", end, r.failed)
		}
	}
}

func TestDifferences(t *testing.T) {
	got := differences([]string{"a", "skip b: why"}, []string{"a", "c"})
	want := []string{"expected and not found: skip b: why", "found and not expected: c"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func FuzzReport(f *testing.F) {
	f.Add([]byte(console))
	f.Add([]byte("@@begin \n@@end  x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newReport(data, []suite{{dir: "pkg/a"}})
		if !bytes.Contains(data, []byte("PASS")) && len(r.failed) == 0 {
			t.Errorf("nothing passed and nothing failed in %q", data)
		}
	})
}
