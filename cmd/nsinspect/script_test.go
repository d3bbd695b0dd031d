// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

// showsCmd runs a program until its output has a line that matches: "shows REGEXP
// PROGRAM ARGS…". One scan may show what another program holds at that moment; what
// the command prints last stays for "stdout".
func showsCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: shows REGEXP PROGRAM ARGS...")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	if !nstest.Eventually(testOf(ts), func() string {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if out := ts.ReadFile("stdout"); !re.MatchString(out) {
			return fmt.Sprintf("no match for %q in:\n%s", args[0], out)
		}
		return ""
	}) {
		ts.Fatalf("%v does not show %q", args[1:], args[0])
	}
}
