// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what figures depend on.
type machine struct {
	CPU, Kernel, Go, UtilLinux, Date string
	Cores                            int
	MemoryMiB                        uint64
	PageFault                        time.Duration
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %d MiB, a page fault takes %.2f µs, Linux %s, %s, %s, on %s",
		m.CPU, m.Cores, m.MemoryMiB, float64(m.PageFault)/float64(time.Microsecond), m.Kernel, m.Go, m.UtilLinux, m.Date)
}

func describeMachine() (machine, error) {
	m := machine{CPU: "unknown CPU", Kernel: "of unknown version", Go: runtime.Version(), UtilLinux: "no util-linux",
		Date: time.Now().UTC().Format(time.DateOnly), Cores: runtime.NumCPU()}
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		if name := parseCPU(f); name != "" {
			m.CPU = name
		}
	}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		m.Kernel = unix.ByteSliceToString(uts.Release[:]) + " " + unix.ByteSliceToString(uts.Machine[:])
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.MemoryMiB = info.Totalram * uint64(info.Unit) >> 20
	}
	var err error
	if m.PageFault, err = pageFault(); err != nil {
		return m, err
	}
	if out, err := exec.Command("lsns", "--version").Output(); err == nil {
		m.UtilLinux = strings.TrimPrefix(strings.TrimSpace(string(out)), "lsns from ")
	}
	return m, nil
}

// parseCPU finds the model name of the first core.
func parseCPU(cpuinfo io.Reader) string {
	for sc := bufio.NewScanner(cpuinfo); sc.Scan(); {
		key, value, _ := strings.Cut(sc.Text(), ":")
		if strings.TrimSpace(key) == "model name" {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}
