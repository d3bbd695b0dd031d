// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/need"
)

// In a time namespace, events have the time of day as well.
func TestTraceInTimeNamespace(t *testing.T) {
	need.Root(t)
	need.Program(t, "unshare")
	if out, err := exec.Command("unshare", "-T", "true").CombinedOutput(); err != nil {
		need.Missing(t, "needs time namespaces: "+string(out))
	}
	cmd := exec.Command("unshare", "-T", "--boottime", "1000000", "--monotonic", "1000000",
		program(t), "trace", "--syscalls", "-o", "json", "--", "unshare", "-n", "true")
	var stderr bytes.Buffer // of a trace with a command, which has stdout
	cmd.Stderr = &stderr
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	end := time.Now()
	calls := 0
	for line := range bytes.Lines(stderr.Bytes()) {
		var e struct {
			Time  time.Time `json:"time"`
			Event string    `json:"event"`
		}
		if json.Unmarshal(line, &e) != nil || e.Event != "unshare" {
			continue
		}
		calls++
		const apart = time.Second // the two clocks are not read at once
		if e.Time.Before(begin.Add(-apart)) || e.Time.After(end.Add(apart)) {
			t.Errorf("an event of %v, traced between %v and %v", e.Time, begin, end)
		}
	}
	if calls == 0 {
		t.Errorf("no event of the call: %s", stderr.String())
	}
}

// In a time namespace, the host's own namespace is as old as the machine.
func TestAgeInTimeNamespace(t *testing.T) {
	need.Root(t)
	need.Program(t, "unshare")
	if out, err := exec.Command("unshare", "-T", "true").CombinedOutput(); err != nil {
		need.Missing(t, "needs time namespaces: "+string(out))
	}
	since := func(args ...string) time.Time {
		args = append(args, program(t), "list", "-o", "json", "host")
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Namespaces []struct{ Age struct{ Since time.Time } }
		}
		if err := json.Unmarshal(out, &list); err != nil || len(list.Namespaces) != 1 || list.Namespaces[0].Age.Since.IsZero() {
			t.Fatalf("%v in %s", err, out)
		}
		return list.Namespaces[0].Age.Since
	}
	here, there := since(), since("unshare", "-T", "--boottime", "1000000", "--monotonic", "1000000")
	if apart := here.Sub(there).Abs(); apart > time.Second { // the kernel shows whole seconds
		t.Errorf("since %v in a time namespace, %v outside", there, here)
	}
}
