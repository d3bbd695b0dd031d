// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testreport"
)

const wantTable = `STEP           RESULT  TIME   PASSED  FAILED  SKIPPED
lint           passed  12s    1       0       0
make test      passed  2m11s  7       0       2
race           FAILED  3s     3       1       0
other kernels  passed  1m0s   9       0       0
  6.1                         5       0       0
  7.3                         4       0       0
packages       FAILED  1s     0       1       0

SKIPPED  IN         BECAUSE
2        make test  this machine lacks fentry programs: EPERM

FEATURE          IN                  
32-bit code                          not proven on any machine
fentry programs  make test           this machine lacks fentry programs: EPERM
fentry programs  other kernels: 6.1  passed
SCTP                                 not proven on any machine
failed: race: pkg/a TestBad

20 passed, 2 failed, 2 skipped
`

// The table has every step, also the one that failed, and ends with the sums.
func TestClosing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(testreport.FileEnv, filepath.Join(dir, "records"))
	lacks := "this machine lacks fentry programs: EPERM"
	skip := testreport.Skip{Test: testreport.Test{Package: "pkg/a", Name: "TestFunctions"}, Reason: lacks}
	for _, s := range []testreport.Summary{
		{Suite: "make test", Passed: 7, Skipped: []testreport.Skip{skip, skip}, Proofs: []testreport.Proof{{Feature: need.Fentry, Reason: lacks}}},
		{Suite: "race", Passed: 3, Failed: []testreport.Test{{Package: "pkg/a", Name: "TestBad"}}},
		{Suite: "other kernels: 6.1", Passed: 5, Proofs: []testreport.Proof{{Feature: need.Fentry, Has: true}}},
		{Suite: "other kernels: 7.3", Passed: 4},
	} {
		if err := testreport.Record(s); err != nil {
			t.Fatal(err)
		}
	}
	steps := filepath.Join(dir, "steps")
	if err := os.WriteFile(steps, []byte("lint\t12\t0\nmake test\t131\t0\nrace\t3\t1\nother kernels\t60\t0\npackages\t1\t2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := run([]string{"close", steps}, &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantTable, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A step that failed before anything was recorded shows.
func TestClosingWithoutRecords(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(testreport.FileEnv, filepath.Join(dir, "records"))
	steps := filepath.Join(dir, "steps")
	if err := os.WriteFile(steps, []byte("install\t4\t100\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := run([]string{"close", steps}, &b); err != nil || !strings.HasSuffix(b.String(), "\n0 passed, 1 failed, 0 skipped\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestParseSteps(t *testing.T) {
	for _, text := range []string{"lint\n", "lint\t1\n", "lint\tone\t0\n", "lint\t1\tfailed\n", "\n"} {
		if steps, err := parseSteps(text); err == nil {
			t.Errorf("%q: %+v", text, steps)
		}
	}
}
