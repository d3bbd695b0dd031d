// SPDX-License-Identifier: Apache-2.0

// Nsinspect finds every network namespace on a machine and what keeps each one
// alive.
package main

import (
	"os"
	"runtime/debug"

	_ "github.com/nsinspect/nsinspect/internal/startup"
)

func main() {
	debug.SetGCPercent(800) // one scan ends before it has to collect 32 MiB; --watch sets it back
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, os.Environ()))
}
