// SPDX-License-Identifier: Apache-2.0

//go:build !race

package startup

import "sync/atomic"

// flag is set by any thread, on any stack.
type flag = atomic.Bool
