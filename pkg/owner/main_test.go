// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"os"
	"testing"

	"github.com/nsinspect/nsinspect/internal/fd/fdtest"
)

func TestMain(m *testing.M) { os.Exit(fdtest.Run(m)) }
