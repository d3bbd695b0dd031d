// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"testing"
)

// A variable that the programs do not have is an error.
func TestSetUnknownVariable(t *testing.T) {
	spec, err := loadCalls()
	if err != nil {
		t.Fatal(err)
	}
	if err := set(spec, map[string]any{callsVarOwnTgid: uint32(1)}); err != nil {
		t.Errorf("a variable that there is: %v", err)
	}
	if err := set(spec, map[string]any{"third": uint32(1)}); !errors.Is(err, errNoVariable) {
		t.Errorf("got %v, want %v", err, errNoVariable)
	}
}
