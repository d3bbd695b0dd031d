// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpf

import (
	"os"
	"testing"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

func TestMain(m *testing.M) {
	nstest.Main()
	os.Exit(m.Run())
}
