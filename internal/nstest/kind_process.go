// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// enterNetNS moves the process to the scene's network namespace.
func enterNetNS(m *maker) (err error) {
	m.Namespace, err = newNetNS()
	return err
}

func holdProcess(m *maker) error {
	m.hold(Holder{Kind: "process"})
	return nil
}

// threadComm is the name of a thread that is where its process is not.
const threadComm = "ns-in-thread"

func holdThread(m *maker) error {
	tid, leave, err := m.parkInNew()
	if err != nil {
		return err
	}
	m.onRelease(leave)
	m.hold(Holder{Kind: "thread", TID: tid, Comm: threadComm})
	return nil
}

// holdZombieLeader ends the first thread, which leaves a process that has no
// namespaces of its own but a thread that has.
func holdZombieLeader(m *maker) error {
	tid, _, err := m.parkInNew()
	if err != nil {
		return err
	}
	m.hold(Holder{Kind: "thread", TID: tid, Comm: threadComm})
	m.first <- func() { unix.Syscall(unix.SYS_EXIT, 0, 0, 0) }
	stat := fmt.Sprintf("/proc/self/task/%d/stat", os.Getpid())
	return poll(10*time.Second, func() error {
		text, err := os.ReadFile(stat)
		if err != nil {
			return fmt.Errorf("read state of first thread: %w", err)
		}
		// pid (comm) state; our own comm has no parenthesis.
		if _, rest, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(rest, "Z") {
			return fmt.Errorf("end first thread: still in state %.1s", rest)
		}
		return nil
	})
}

// parkInNew leaves a thread in a new network namespace.
func (m *maker) parkInNew() (tid int, leave func() error, err error) {
	return park(func() error {
		ns, err := newNetNS()
		if err != nil {
			return err
		}
		m.truth.Namespace = ns
		if err := os.WriteFile("/proc/thread-self/comm", []byte(threadComm), 0); err != nil {
			return fmt.Errorf("name thread: %w", err)
		}
		return nil
	})
}
