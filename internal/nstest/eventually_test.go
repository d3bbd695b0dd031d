// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"fmt"
	"testing"
)

// What passes is no error, and what stays is the error, as it was seen last.
func TestSettle(t *testing.T) {
	n := 0
	if got := settle(settleLimit, func() string {
		if n++; n < 3 {
			return "not yet"
		}
		return ""
	}); got != "" || n != 3 {
		t.Errorf("got %q after %d looks", got, n)
	}
	n = 0
	if got := settle(0, func() string { n++; return fmt.Sprint("look ", n) }); got != fmt.Sprint("look ", n) || n == 0 {
		t.Errorf("got %q after %d looks", got, n)
	}
}
