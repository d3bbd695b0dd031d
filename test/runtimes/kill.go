// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// killAll kills the processes of a home until it finds none.
func killAll(dir string, ids []string) error {
	end := time.Now().Add(30 * time.Second) // a look takes long where there are many processes
	for {
		pids, err := processesOf(dir, ids)
		if err != nil || len(pids) == 0 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("kill the processes of %s: %v survive", dir, pids)
		}
		for _, pid := range pids {
			if err := kill(pid, dir, ids); err != nil {
				return err
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// kill kills the process if it is still of that home: its PID may have passed
// to another one, which a pidfd (Linux 5.3) rules out.
func kill(pid int, dir string, ids []string) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return ignore(err, unix.ESRCH)
	}
	defer unix.Close(fd)
	if !isOf(pid, dir, ids) {
		return nil
	}
	if err := thaw(pid); err != nil {
		return err
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	return nil
}

// thaw lets a process of a paused container run: in cgroup v1 no signal ends it before.
func thaw(pid int) error {
	cgroups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return ignore(err, fs.ErrNotExist, unix.ESRCH)
	}
	for line := range strings.Lines(string(cgroups)) {
		words := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(words) != 3 || words[1] != "freezer" || words[2] == "/" {
			continue
		}
		err := os.WriteFile(filepath.Join("/sys/fs/cgroup/freezer", words[2], "freezer.state"), []byte("THAWED"), 0)
		return ignore(err, fs.ErrNotExist)
	}
	return nil
}

// processesOf are the processes of a home: those that it started, and those in
// the cgroups of its containers.
func processesOf(dir string, ids []string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && pid > 1 && pid != os.Getpid() && isOf(pid, dir, ids) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// tools are programs that a runtime starts without our environment.
var tools = map[string]bool{
	"conmon": true, "crun": true, "runc": true, "podman": true, "netavark": true, "containerd-shim-runc-v2": true,
}

func isOf(pid int, dir string, ids []string) bool {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	if env, err := os.ReadFile(proc + "/environ"); err == nil && bytes.Contains(
		append([]byte{0}, env...), []byte("\x00"+homeEnv+"="+dir+"\x00")) {
		return true
	}
	args, _ := os.ReadFile(proc + "/cmdline")
	name, _, _ := bytes.Cut(args, []byte{0})
	if tools[filepath.Base(string(name))] && bytes.Contains(args, []byte(dir+"/")) {
		return true
	}
	if cgroup, _ := os.ReadFile(proc + "/cgroup"); !containsAny(string(cgroup), ids) {
		return false
	}
	_, err := os.Readlink(proc + "/exe") // of a zombie fails
	return err == nil
}
