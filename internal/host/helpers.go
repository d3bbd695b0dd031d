// SPDX-License-Identifier: Apache-2.0

package host

import (
	"sync"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

var started sync.Map // by PID, as ns.TaskID: the helpers that have not ended

// Helpers returns the processes that are helpers of this one. Until such a one executes this
// program it has copies of everything that is open here.
func Helpers() (all []ns.TaskID) {
	started.Range(func(pid, _ any) bool {
		all = append(all, pid.(ns.TaskID))
		return true
	})
	return all
}
