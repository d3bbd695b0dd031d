// SPDX-License-Identifier: Apache-2.0

package testreport_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testreport"
)

const pkg = `"Package":"github.com/nsinspect/nsinspect/pkg/a"`

// Of every way that a test and a package can end.
const stream = `{"Action":"start",` + pkg + `}
go: downloading example.com/m v1.0.0
{"Action":"run",` + pkg + `,"Test":"TestGood"}
{"Action":"output",` + pkg + `,"Test":"TestGood","Output":"    a_test.go:3: this machine has 32-bit code\n"}
{"Action":"pass",` + pkg + `,"Test":"TestGood","Elapsed":0}
{"Action":"run",` + pkg + `,"Test":"TestOld"}
{"Action":"output",` + pkg + `,"Test":"TestOld","Output":"    a_test.go:7: needs root\n"}
{"Action":"output",` + pkg + `,"Test":"TestOld","Output":"--- SKIP: TestOld (0.00s)\n"}
{"Action":"skip",` + pkg + `,"Test":"TestOld","Elapsed":0}
{"Action":"output",` + pkg + `,"Test":"TestLacks","Output":"    a_test.go:8: this machine lacks fentry programs: EPERM\n"}
{"Action":"skip",` + pkg + `,"Test":"TestLacks","Elapsed":0}
{"Action":"run",` + pkg + `,"Test":"TestBad"}
{"Action":"run",` + pkg + `,"Test":"TestBad/child"}
{"Action":"output",` + pkg + `,"Test":"TestBad/child","Output":"    a_test.go:8: this machine has fentry programs\n"}
{"Action":"output",` + pkg + `,"Test":"TestBad/child","Output":"    a_test.go:9: 1, want 2\n"}
{"Action":"fail",` + pkg + `,"Test":"TestBad/child","Elapsed":0}
{"Action":"fail",` + pkg + `,"Test":"TestBad","Elapsed":0}
{"Action":"run",` + pkg + `,"Test":"TestHangs"}
{"Action":"output",` + pkg + `,"Test":"TestHangs","Output":"panic: test timed out\n"}
{"Action":"output",` + pkg + `,"Output":"FAIL\n"}
{"Action":"output",` + pkg + `,"Output":"FAIL\tpkg/a\t0.3s\n"}
{"Action":"fail",` + pkg + `,"Elapsed":0.3}
{"ImportPath":"b [b.test]","Action":"build-output","Output":"b.go:1: syntax error\n"}
{"Action":"fail","Package":"b","Elapsed":0,"FailedBuild":"b [b.test]"}
{"Action":"skip","Package":"none","Elapsed":0}
{"Action":"output","Package":"good","Test":"TestEnded","Output":"printed late\n"}
{"Action":"output","Package":"good","Output":"PASS\n"}
{"Action":"output","Package":"good","Output":"ok  \tgood\t0.1s\n"}
{"Action":"pass","Package":"good","Elapsed":0.1}
{"Action":"start","Package":"killed"}
`

func TestRead(t *testing.T) {
	var shown strings.Builder
	got, err := testreport.Read("suite", &shown, strings.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	test := func(name string) testreport.Test { return testreport.Test{Package: "pkg/a", Name: name} }
	want := testreport.Summary{
		Suite: "suite", Passed: 1,
		Failed: []testreport.Test{test("TestBad/child"), test("TestBad"), test("TestHangs"), {Package: "b"}, {Package: "killed"}},
		Skipped: []testreport.Skip{
			{Test: test("TestOld"), Reason: "needs root"},
			{Test: test("TestLacks"), Reason: "this machine lacks fentry programs: EPERM"},
		},
		Proofs: []testreport.Proof{
			{Feature: need.Code32, Has: true},
			{Feature: need.Fentry, Reason: "this machine lacks fentry programs: EPERM"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	wantShown := "go: downloading example.com/m v1.0.0\n" +
		"    a_test.go:8: this machine has fentry programs\n    a_test.go:9: 1, want 2\n" +
		"panic: test timed out\nFAIL\tpkg/a\t0.3s\nb.go:1: syntax error\nok  \tgood\t0.1s\n"
	if diff := cmp.Diff(wantShown, shown.String()); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	if !got.Proven(need.Code32) || got.Proven(need.Fentry) {
		t.Errorf("proven: 32-bit code %v, want true; fentry programs %v, want false, as the test that needs it failed", got.Proven(need.Code32), got.Proven(need.Fentry))
	}
}

// What go prints is what is read: a package whose tests pass, one that has none, and
// one that does not exist.
func TestRun(t *testing.T) {
	var shown strings.Builder
	got, err := testreport.Run(t.Context(), "", &shown, "-run", "^TestReason$", ".", "./nowhere")
	want := []testreport.Test{{Package: "./nowhere"}}
	if diff := cmp.Diff(want, got.Failed); diff != "" || err != nil || got.Passed == 0 {
		t.Errorf("%d passed, %v; failed (-want +got):\n%s%s", got.Passed, err, diff, shown.String())
	}
	if _, err := testreport.Run(t.Context(), "", &shown, "-mod=nowhere"); err == nil {
		t.Error("no error from go test with a value that its flag does not know")
	}
}

func TestReason(t *testing.T) {
	for output, want := range map[string]string{
		"": "no reason given",
		"=== RUN   TestA\n    a_test.go:1: first\n    b_test.go:22: needs root\n--- SKIP: TestA (0.00s)\n": "needs root",
		"    > [!root] skip 'needs root'\n    --- SKIP: TestScripts/a (0.00s)\n":                           "> [!root] skip 'needs root'",
	} {
		if got := testreport.Reason(output); got != want {
			t.Errorf("%q: %q, want %q", output, got, want)
		}
	}
}

// What is recorded is read back; runs of one suite are added up.
func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records")
	one := testreport.Summary{Suite: "fuzz", Passed: 2, Failed: []testreport.Test{{Package: "a", Name: "FuzzA"}},
		Proofs: []testreport.Proof{{Feature: need.Code32, Has: true}}}
	other := testreport.Summary{Suite: "race", Skipped: []testreport.Skip{{Reason: "why"}}}
	t.Setenv(testreport.FileEnv, "")
	if err := testreport.Record(one); err != nil {
		t.Fatal(err)
	}
	t.Setenv(testreport.FileEnv, path)
	for _, s := range []testreport.Summary{one, other, one} {
		if err := testreport.Record(s); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := testreport.Records(string(text))
	if err != nil {
		t.Fatal(err)
	}
	both := one
	both.Passed, both.Failed = 4, slices.Concat(one.Failed, one.Failed)
	if diff := cmp.Diff([]testreport.Summary{both, other}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := testreport.Records("{\n"); err == nil {
		t.Error("half a record was taken")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(stream)
	f.Add("{\"Action\":\"pass\"}\n{")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := testreport.Read("", &strings.Builder{}, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(text, "\n") + 1; s.Passed+len(s.Skipped) > n {
			t.Errorf("%d passed and %d skipped in %d lines: %q", s.Passed, len(s.Skipped), n, text)
		}
	})
}
