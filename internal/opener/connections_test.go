// SPDX-License-Identifier: Apache-2.0

package opener

import (
	"strings"
	"testing"
)

func TestConnected(t *testing.T) {
	const tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 027100CB:D6E4 017100CB:0007 04 0000000B:00000000 01:00000017 00000001     0        0 0 3 0000000000000000\n" +
		"   1: 027100CB:D6E4 017100CB:0007 06 00000000:00000000 03:00000017 00000000     0        0 0 3 0000000000000000\n"
	if n := connected(tcp); n != 1 {
		t.Errorf("%d connections, want the one that is not in TIME_WAIT", n)
	}
}

// FuzzConnected checks that no text makes the parser panic or count what is not there.
func FuzzConnected(f *testing.F) {
	f.Add("   0: 027100CB:D6E4 017100CB:0007 04 0000000B:00000000\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n := connected(text); n < 0 || n > strings.Count(text, ":") {
			t.Errorf("%d connections in %q", n, text)
		}
	})
}
