// SPDX-License-Identifier: Apache-2.0

package host

import (
	"slices"
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A helper is one from when it is started until it has ended.
func TestHelpers(t *testing.T) {
	c, err := startHelper("tree")
	if err != nil {
		t.Fatal(err)
	}
	pid := ns.TaskID(c.cmd.Process.Pid)
	if got := Helpers(); !slices.Contains(got, pid) {
		t.Errorf("%v, want %d among them", got, pid)
	}
	_ = c.cmd.Process.Kill()
	c.end()
	<-c.ended
	if got := Helpers(); slices.Contains(got, pid) {
		t.Errorf("%v, and %d has ended", got, pid)
	}
}
