// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
)

// schemaCmd validates a file, stdout or stderr of the last command by the published
// JSON Schema: "schema FILE".
func schemaCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: schema FILE")
	}
	ts.Check(wiretest.Validate([]byte(ts.ReadFile(args[0]))))
}
