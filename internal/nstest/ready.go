// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"bufio"
	"os/exec"
	"testing"
)

// StartReady starts a command, which ends with the test, and returns once it has printed a line.
func StartReady(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended if the test failed
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%v: %q, %v", cmd.Args, line, err)
	}
}
