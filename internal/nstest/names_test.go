// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
)

// TestRunNames has the ip program see names in /run/netns.
func TestRunNames(t *testing.T) {
	need.Program(t, "ip", "readlink")
	CheckLeaks(t)
	n := NewRunNames(t)
	s := n.Add("blue")
	name := filepath.Base(n.Path("blue"))
	out, err := exec.Command("ip", "netns", "list").Output()
	words := strings.Fields(string(out))
	if err != nil || !slices.Contains(words, name) {
		t.Errorf("ip netns list prints %q, want %s among it (%v)", words, name, err)
	}
	out, err = exec.Command("ip", "netns", "exec", name, "readlink", "/proc/self/ns/net").CombinedOutput()
	if want := fmt.Sprintf("net:[%d]\n", s.Inode); err != nil || string(out) != want {
		t.Errorf("ip netns exec prints %q, want %q (%v)", out, want, err)
	}
	out, err = exec.Command("ip", "-o", "netns", "list-id").Output()
	if want := fmt.Sprintf("nsid %d ", s.NSID); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("ip netns list-id prints %q, want %q (%v)", out, want, err)
	}
	// What ip takes away, Free does not miss.
	if out, err := exec.Command("ip", "netns", "delete", name).CombinedOutput(); err != nil {
		t.Errorf("ip netns delete: %v: %s", err, out)
	}
	s.Free()
	checkGone(t, s.Namespace)
}

// TestRunOddNames gives /run/netns the odd names too: prefixed, and never too long.
func TestRunOddNames(t *testing.T) {
	CheckLeaks(t)
	n := NewRunNames(t)
	for _, name := range OddNames {
		s := n.Add(name)
		if got := inode(t, "%s", n.Path(name)); got != s.Inode || len(filepath.Base(n.Path(name))) > 255 {
			t.Errorf("name %q opens %d, want %d", name, got, s.Inode)
		}
	}
}

// TestIPProcess has the ip program find the process of a scene by its name.
func TestIPProcess(t *testing.T) {
	need.Program(t, "ip")
	CheckLeaks(t)
	s := Make(t, Process)
	n := NewRunNames(t)
	n.Bind("green", s)
	out, err := exec.Command("ip", "netns", "pids", filepath.Base(n.Path("green"))).Output()
	if err != nil || strings.TrimSpace(string(out)) != fmt.Sprint(s.Holders[0].PID) {
		t.Errorf("ip netns pids prints %q, want %d (%v)", out, s.Holders[0].PID, err)
	}
}
