// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// writeRounds prints a line a round, and a line a test that failed with the rounds
// it failed in. It returns an error if one did.
func writeRounds(w io.Writer, rounds []round) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nROUND\tTIME\tPASSED\tFAILED\tSKIPPED\n")
	failed := map[string][]string{}
	for i, r := range rounds {
		name := fmt.Sprintf("%d%s", i+1, r.beside())
		fmt.Fprintf(table, "%s\t%v\t%d\t%d\t%d\n", name, r.took.Round(time.Second), r.Passed, len(r.Failed), len(r.Skipped))
		for _, t := range r.Failed {
			failed[t.String()] = append(failed[t.String()], name)
		}
	}
	if len(failed) > 0 {
		fmt.Fprintf(table, "\nFAILED\tIN ROUND\n")
	}
	for _, test := range slices.Sorted(maps.Keys(failed)) {
		fmt.Fprintf(table, "%s\t%s\n", test, strings.Join(failed[test], "; "))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	if len(failed) > 0 {
		return errors.New("not every test passed in every round")
	}
	return nil
}
