// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testreport"
)

// close prints the sums and returns an error if anything failed. Where all was run,
// every feature that a machine may lack has to be proven.
func (r *runner) close(all bool) error {
	var passed, failed, skipped int
	var err error
	for _, s := range r.shown {
		passed, failed, skipped = passed+s.Passed, failed+len(s.Failed), skipped+len(s.Skipped)
		s.Suite = os.Getenv(testreport.StepEnv) + ": " + s.Suite
		err = errors.Join(err, testreport.Record(s))
	}
	if r.command == "" {
		fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	}
	if failed > 0 {
		err = errors.Join(err, errors.New("not all is as expected"))
	}
	if unproven := notProven(r.shown); all && r.command == "" && len(unproven) > 0 {
		err = errors.Join(err, fmt.Errorf("no test that passed on any of these kernels needs %s", strings.Join(unproven, ", ")))
	}
	return err
}

// notProven returns the features that no test has proven on any kernel.
func notProven(shown []testreport.Summary) []string {
	var names []string
	for _, f := range need.Features {
		if !slices.ContainsFunc(shown, func(s testreport.Summary) bool { return s.Proven(f) }) {
			names = append(names, string(f))
		}
	}
	return names
}
