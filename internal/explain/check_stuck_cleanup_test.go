// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"
	"testing"
)

// A worker that waits for something else than a device's references is not called one that
// does.
func TestStuckCleanupOnlyWhereKnown(t *testing.T) {
	const device = "last reference to a device"
	for function, known := range map[string]bool{"netdev_wait_allrefs_any": true, "rtnl_lock": false, "": false} {
		text := new(Adviser).StuckCleanup(77, 0, strings.Fields(function))
		if strings.Contains(text.Meaning, device) != known || strings.Contains(text.Meaning, "driver") {
			t.Errorf("in %q: %s", function, text.Meaning)
		}
	}
}
