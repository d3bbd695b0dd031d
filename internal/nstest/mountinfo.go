// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// mountEntry is one line of a mountinfo file.
type mountEntry struct {
	id     int
	root   string
	path   string
	fstype string
}

// readMounts returns the mounts of the calling thread's mount namespace that
// its root directory reaches.
func readMounts() ([]mountEntry, error) { return readMountsOf("/proc/thread-self/mountinfo") }

func readMountsOf(path string) ([]mountEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	defer f.Close()
	return parseMounts(f)
}

func parseMounts(r io.Reader) ([]mountEntry, error) {
	var list []mountEntry
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		head, tail, ok := strings.Cut(lines.Text(), " - ")
		// Only blanks part fields: a path may hold other white space, such as \r.
		fields, types := strings.Split(head, " "), strings.Split(tail, " ")
		if !ok || len(fields) < 6 || len(types) < 3 {
			return nil, fmt.Errorf("read mounts: odd line %q", lines.Text())
		}
		id, err := strconv.Atoi(fields[0])
		if err != nil {
			return nil, fmt.Errorf("read mounts: %w", err)
		}
		list = append(list, mountEntry{id, unescape(fields[3]), unescape(fields[4]), types[0]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	return list, nil
}

// unescape undoes the octal escapes of mountinfo (\040 and its like).
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// topMount returns the newest mount on a path.
func topMount(path string) (mountEntry, error) {
	list, err := readMounts()
	if err != nil {
		return mountEntry{}, err
	}
	var top mountEntry
	for _, m := range list {
		// A mount that covers another is made later and listed after it.
		if m.path == path {
			top = m
		}
	}
	if top.path == "" {
		return top, fmt.Errorf("find mount on %q: not in mountinfo", path)
	}
	return top, nil
}
