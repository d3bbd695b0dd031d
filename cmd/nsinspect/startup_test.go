// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
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
