// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"os"
	"testing"
)

// victimEnv has this binary make scenes and wait to be killed.
const victimEnv = "NSTEST_VICTIM"

func TestMain(m *testing.M) {
	Main()
	if os.Getenv(victimEnv) != "" {
		victim()
	}
	os.Exit(m.Run())
}
