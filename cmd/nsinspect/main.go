// SPDX-License-Identifier: Apache-2.0

// Nsinspect finds every network namespace on a machine and what keeps each one
// alive.
package main

import (
	"os"

	_ "github.com/nsinspect/nsinspect/internal/startup"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, os.Environ()))
}
