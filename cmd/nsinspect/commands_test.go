// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"testing"

	"github.com/spf13/cobra"
)

// A command that is the only one below the root has the help that it has beside all others, by
// each of its words.
func TestCommandAlone(t *testing.T) {
	help := func(root *cobra.Command, word string) string {
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs([]string{word, "--help"})
		if err := root.Execute(); err != nil { // as __complete-bash takes no flags
			return err.Error()
		}
		return out.String()
	}
	for _, c := range (&app{}).command().Commands() {
		for _, word := range append([]string{c.Name()}, c.Aliases...) {
			root := (&app{}).commandFor([]string{word})
			if all := len(root.Commands()); (all > 1) != (word == "help" || word == "completion") {
				t.Errorf("%s: %d commands below the root", word, all)
			}
			if alone, beside := help(root, word), help((&app{}).command(), word); alone != beside {
				t.Errorf("%s --help alone:\n%s\nbeside all others:\n%s", word, alone, beside)
			}
		}
	}
}
