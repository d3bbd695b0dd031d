// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"testing"
	"time"
)

// settleLimit is how long Eventually looks again: what passes does so within
// milliseconds where nothing else runs, and within seconds on the busiest machine.
const settleLimit = 30 * time.Second

// Eventually calls look until it returns "", and reports whether it did; what look
// returned last, after half a minute, is an error of the test. One look, a scan for
// instance, may show what other programs do at that moment: a process between two
// states, a file that another scan has open, a new mount namespace that still has
// copies of all mounts.
func Eventually(t testing.TB, look func() string) bool {
	t.Helper()
	wrong := settle(settleLimit, look)
	if wrong != "" {
		t.Error(wrong)
	}
	return wrong == ""
}

func settle(limit time.Duration, look func() string) (wrong string) {
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		if wrong = look(); wrong == "" || time.Now().After(end) {
			return wrong
		}
	}
}
