// SPDX-License-Identifier: Apache-2.0

// Nsinspect finds every network namespace on a machine and what keeps each one
// alive.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	debug.SetGCPercent(400) // a scan lives too briefly to collect after every 4 MiB
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, os.Environ()))
}
