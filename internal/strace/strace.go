// SPDX-License-Identifier: Apache-2.0

// Package strace compares what a tracer records with what strace prints of the same
// run: the calls that make and enter namespaces, by thread. For tests only.
package strace

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/trace"
)

// Command returns the strace command, up to the command that it is to run or the
// processes that it is to attach to, that writes a file for each thread into the
// directory.
func Command(dir string) []string {
	return []string{
		"strace", "-f", "-ff", "-qq", "-e", "trace=setns,unshare,clone,clone3,fork,vfork", "-e", "signal=none",
		"-o", filepath.Join(dir, strings.TrimSuffix(prefix, ".")),
	}
}

const prefix = "thread."

// Calls are the calls of each thread, in their order, as "setns(3, CLONE_NEWNET) = 0".
// Flags are sorted; of clone and clone3, called "clone", they are all there is.
type Calls map[int][]string

// Read reads what strace has written into the directory: every setns and unshare,
// and every clone with a flag of namespaces. Threads without any are there too.
func Read(dir string) (Calls, error) {
	paths, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
	if err != nil {
		return nil, err
	}
	calls := Calls{}
	for _, file := range paths {
		tid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(file), prefix))
		if err != nil {
			return nil, fmt.Errorf("name of a thread's file: %w", err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		calls[tid] = []string{}
		for line := range strings.Lines(string(text)) {
			call, err := parse(strings.TrimSuffix(line, "\n"))
			if err != nil {
				return nil, err
			}
			if call != "" {
				calls[tid] = append(calls[tid], call)
			}
		}
	}
	return calls, nil
}

var (
	callLine   = regexp.MustCompile(`^(\w+)\((.*)\) += (-?\d+|\?)(?: (E[A-Z0-9]+) \(.*\))?(?: <.*>)?$`)
	cloneFlags = regexp.MustCompile(`flags=([\w|]+)`)
)

// parse returns the call of a line, "" if it is none of those compared. A line of
// a thread that was killed in its call, or let go in it, returns nothing, and is
// none either.
func parse(line string) (string, error) {
	if strings.HasPrefix(line, "[ Process PID=") || strings.HasPrefix(line, "strace: ") || strings.HasSuffix(line, "<detached ...>") {
		return "", nil
	}
	m := callLine.FindStringSubmatch(line)
	if m == nil {
		return "", fmt.Errorf("output of strace: %q", line)
	}
	name, args, ret, errno := m[1], m[2], m[3], m[4]
	if ret == "?" && errno == "" {
		return "", nil
	}
	if errno != "" {
		ret = "-1 " + errno
	}
	switch name {
	case "unshare":
		return fmt.Sprintf("unshare(%s) = %s", sortFlags(args), ret), nil
	case "setns":
		fd, flags, _ := strings.Cut(args, ", ")
		return fmt.Sprintf("setns(%s, %s) = %s", fd, sortFlags(flags), ret), nil
	case "clone", "clone3":
		m := cloneFlags.FindStringSubmatch(args)
		if m == nil || !strings.Contains(m[1], "CLONE_NEW") {
			return "", nil
		}
		return fmt.Sprintf("clone(%s) = %s", sortFlags(m[1]), ret), nil
	}
	return "", nil
}

// sortFlags sorts flags, and leaves a signal out.
func sortFlags(flags string) string {
	flags, _, _ = strings.Cut(flags, " ")
	list := slices.DeleteFunc(strings.Split(flags, "|"), func(f string) bool { return strings.HasPrefix(f, "SIG") })
	slices.Sort(list)
	return strings.Join(list, "|")
}

// Of writes an event as Calls do.
func Of(e *trace.Event) string {
	ret := strconv.FormatInt(e.Ret, 10)
	switch {
	case e.Errno == 513: // ERESTARTNOINTR, linux/errno.h: it is called again
		ret += " ERESTARTNOINTR"
	case e.Errno != 0:
		ret += " " + unix.ErrnoName(e.Errno)
	}
	flags := sortFlags(e.Flags.String())
	if e.Call == trace.Setns {
		return fmt.Sprintf("setns(%d, %s) = %s", e.FD, flags, ret)
	}
	return fmt.Sprintf("%s(%s) = %s", e.Call, flags, ret)
}

// Differences lists how the events of the threads that strace saw differ from
// what it prints.
func (c Calls) Differences(events []trace.Event) []string {
	reported := Calls{}
	for i := range events {
		tid := events[i].TID
		reported[tid] = append(reported[tid], Of(&events[i]))
	}
	var differ []string
	for tid, calls := range c {
		if !slices.Equal(calls, reported[tid]) {
			differ = append(differ, fmt.Sprintf("thread %d: strace prints\n\t%s\nand the tracer\n\t%s",
				tid, strings.Join(calls, "\n\t"), strings.Join(reported[tid], "\n\t")))
		}
	}
	slices.Sort(differ)
	return differ
}

// Count returns how many calls there are.
func (c Calls) Count() (n int) {
	for _, calls := range c {
		n += len(calls)
	}
	return n
}

// Has reports whether a thread made such a call, as of path.Match.
func (c Calls) Has(pattern string) bool {
	for _, calls := range c {
		for _, call := range calls {
			if ok, err := path.Match(pattern, call); ok && err == nil {
				return true
			}
		}
	}
	return false
}
