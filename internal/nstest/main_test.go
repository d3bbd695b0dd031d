// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}
