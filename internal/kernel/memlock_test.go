// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// ulimit returns the RLIMIT_MEMLOCK that a command is started with.
func ulimit(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", "ulimit -S -l").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// setSoft sets the soft limit, which needs no capability in either direction.
func setSoft(cur uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return err
	}
	limit.Cur = cur
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit)
}

func TestRestoreMemlock(t *testing.T) {
	var start unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &start); err != nil {
			t.Error(err)
		}
	})
	if err := setSoft(start.Max / 2 &^ 1023); err != nil {
		t.Fatal(err)
	}
	before := ulimit(t)
	if err := RestoreMemlock(); err != nil || ulimit(t) != before {
		t.Errorf("restored although nothing was raised: %s, %v", ulimit(t), err)
	}
	for range 2 { // the limit before the first one counts
		if err := RaiseMemlock(func() error { return setSoft(start.Max) }); err != nil {
			t.Fatal(err)
		}
	}
	if raised := ulimit(t); raised == before {
		t.Fatalf("the limit is %s, as before", raised)
	}
	if err := RestoreMemlock(); err != nil || ulimit(t) != before {
		t.Errorf("a command is started with %s, want %s; %v", ulimit(t), before, err)
	}
	refused := errors.New("refused")
	if err := RaiseMemlock(func() error { return refused }); !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	if err := RestoreMemlock(); err != nil || ulimit(t) != before {
		t.Errorf("after a failure: %s, want %s; %v", ulimit(t), before, err)
	}
}
