// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// enterOlderMountNS moves the process to a mount namespace in which one made
// later can be mounted. The kernel forbids it to mount an older one, so that
// there are no loops, and decides by their IDs, which each CPU gives out from a
// store of its own (mnt_ns_loop, Linux 6.18): the process stays on one CPU.
func enterOlderMountNS(*maker) error {
	var cpu uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		return fmt.Errorf("ask for own CPU: %w", errno)
	}
	var set unix.CPUSet
	set.Set(int(cpu))
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("stay on CPU %d: %w", cpu, err)
	}
	return unshareMounts()
}

// holdMountMount leaves a mount namespace without processes, held by a bind
// mount of its nsfs file in the mount namespace of this process.
func holdMountMount(m *maker) error {
	if err := newRoot(m.Dir); err != nil {
		return err
	}
	var h Holder
	tid, leave, err := park(func() (err error) {
		if m.truth.Namespace, err = newNetNS(); err != nil {
			return err
		}
		h, err = m.mountApart()
		return err
	})
	if err != nil {
		return err
	}
	if err := bind(fmt.Sprintf("/proc/self/task/%d/ns/mnt", tid), "/mntns"); err != nil {
		return errors.Join(err, leave())
	}
	pin, err := mountHolder("/mntns")
	if err != nil {
		return errors.Join(err, leave())
	}
	pin.PID, pin.Comm = os.Getpid(), m.comm()
	h.Pin = &pin
	m.truth.Holders = []Holder{h}
	return leave()
}
