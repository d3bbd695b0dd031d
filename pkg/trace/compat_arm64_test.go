// SPDX-License-Identifier: Apache-2.0

package trace_test

import "github.com/nsinspect/nsinspect/internal/callscript"

// What an event has as its ABI.
const (
	nativeABI = "arm64"
	oldABI    = "arm"
)

// Numbers of arch/arm64/tools/syscall_32.tbl.
const (
	oldClone   = 120
	oldWait4   = 114
	oldUnshare = 337
	oldSetns   = 375
)

// A program is of 64 or of 32 bits here, and makes no calls but its own.
var (
	oldWays = []oldWay{{"32-bit program", callscript.New32, (*callscript.Script).Call}}
	forks   []int // no call but clone and clone3 makes a process
)
