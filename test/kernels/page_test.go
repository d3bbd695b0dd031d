// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

// The committed page has what is expected.
func TestPageMatchesExpectations(t *testing.T) {
	text, err := os.ReadFile("../../" + pagePath)
	if err != nil {
		t.Fatal(err)
	}
	want, err := renewed(string(text), "../..")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("run `go run ./test/kernels -docs` (-want +committed):\n%s", diff)
	}
	if strings.Contains(want, " ? ") {
		t.Error("a fact that a table has is not expected of any kernel")
	}
}

func TestEverySceneHasARow(t *testing.T) {
	var rows []nstest.Kind
	for _, r := range holderRows {
		rows = append(rows, r.scenes...)
	}
	kinds := nstest.Kinds()
	slices.Sort(rows)
	slices.Sort(kinds)
	if diff := cmp.Diff(kinds, rows); diff != "" {
		t.Errorf("scenes and rows (-scenes +rows):\n%s", diff)
	}
}

func TestReplaceNeedsMarkers(t *testing.T) {
	for _, page := range []string{"", pageBegin, pageEnd, pageEnd + pageBegin} {
		if _, err := renewed(page, "../.."); err == nil {
			t.Errorf("renewed %q", page)
		}
	}
}
