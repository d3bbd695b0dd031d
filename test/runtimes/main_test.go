// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"os"
	"testing"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	if dir := os.Getenv(reapEnv); dir != "" {
		return report(reap(dir))
	}
	nstest.Main()
	if os.Geteuid() == 0 {
		if report(sweepLeftovers()) != 0 {
			return 1
		}
	}
	code := m.Run()
	return max(code, report(removeBinary()))
}

func report(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/runtimes:", err)
		return 1
	}
	return 0
}
