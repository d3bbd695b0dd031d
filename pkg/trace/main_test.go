// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"os"
	"testing"

	"github.com/nsinspect/nsinspect/internal/fd/fdtest"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

func TestMain(m *testing.M) {
	nstest.Main()
	os.Exit(fdtest.Run(m))
}
