// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Waits waits until a thread of a process waits in a system call, and reports whether it does.
func Waits(t *testing.T, pid, call int) bool {
	t.Helper()
	return Eventually(t, func() string { return waitsFor(pid, call) })
}

// waitsFor returns "" if a thread of a process is in a system call, and does not run.
func waitsFor(pid, call int) string {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, thread := range threads {
		text, _ := os.ReadFile(thread + "/syscall") // if it fails, the thread is gone
		if strings.HasPrefix(string(text), fmt.Sprint(call, " ")) {
			return ""
		}
	}
	return fmt.Sprintf("no thread of %d waits in call %d: %v, %v", pid, call, threads, err)
}
