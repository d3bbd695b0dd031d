// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/nsinspect/nsinspect/internal/need"
)

// What comes before the flags are read knows which of the global ones take a value.
func TestStartupKnowsGlobalFlags(t *testing.T) {
	source, err := os.ReadFile("../../internal/startup/command.go")
	if err != nil {
		need.Missing(t, "needs the source beside the test")
	}
	(&app{}).command().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if takes := strings.Contains(string(source), `"--`+f.Name+`"`); takes != (f.NoOptDefVal == "") {
			t.Errorf("--%s takes a value: %v in internal/startup", f.Name, takes)
		}
	})
}

// A command initializes few packages of ours: what a package-level variable holds that only some
// commands need is made when it is needed. GODEBUG=inittrace=1 reports the packages that have
// anything to initialize.
func TestInitializedPackages(t *testing.T) {
	allowed := map[string]string{
		"internal/startup":  "comes before all else",
		"internal/host":     "is what a helper process runs",
		"internal/names":    "is what a helper process runs",
		"internal/procscan": "is what a helper process runs",
		"pkg/scan":          "has errors that are those of procscan",
		"pkg/doctor":        "has a table of checks that look into it",
		"pkg/snapshot":      "has errors that wrap others",
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const module = "init github.com/nsinspect/nsinspect/"
	found := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if rest, ours := strings.CutPrefix(line, module); ours {
			name, _, _ := strings.Cut(rest, " ")
			found[name] = true
		}
	}
	for name := range allowed {
		if !found[name] {
			t.Errorf("%s is not initialized any more: it is to leave the list", name)
		}
	}
	for name := range found {
		if _, ok := allowed[name]; !ok && !forTests[name] {
			t.Errorf("%s is initialized at the start of every command", name)
		}
	}
}

// forTests are packages that only tests have, and this one, whose tests have variables.
var forTests = map[string]bool{
	"internal/callscript": true, "internal/hosttest": true, "internal/need": true, "internal/nstest": true,
	"internal/testlock": true, "internal/wire/wiretest": true, "cmd/nsinspect": true,
}
