// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/resolve"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// traceJob is what to trace, and how to print it.
type traceJob struct {
	opts     trace.Options
	format   render.Format
	ns       *resolve.Ref // what opts.Filter.NS is to be; nil for any
	nsType   ns.Type      // that a PID or name stands for
	to       string       // a file; "" for stdout, or stderr if there is a command
	rotate   int          // bytes of a file; 0 for one without end
	keep     int          // files beside it
	fold     time.Duration
	duration time.Duration // 0: without end
	count    int           // 0: without end
	command  []string

	owners       []*filter.Filter // of which one fits
	cgroups      []string
	cgroupFilter *trace.Cgroups // of those, once it is known what there is
	noMovers     bool
	expr         *filter.Filter

	syscalls, lifecycle bool
	lives               []ns.Type // of lifecycle
	failed              bool      // only calls that failed are printed; others are recorded for what they create
}

// selected names what is traced.
func (j *traceJob) selected() []string {
	var all []string
	if j.syscalls {
		all = append(all, "syscalls")
	}
	if j.lifecycle {
		all = append(all, "lifecycle")
	}
	return all
}

// what returns the same in words.
func (j *traceJob) what() string {
	lives := "the lifecycle of " + joined(j.lives) + " namespaces"
	switch {
	case slices.Equal(j.lives, []ns.Type{ns.Net}):
		lives = "the lifecycle of network namespaces"
	case len(j.lives) == len(ns.Types()):
		lives = "the lifecycle of namespaces"
	}
	switch {
	case !j.lifecycle:
		return "setns, unshare and clone"
	case !j.syscalls:
		return lives
	}
	return "setns, unshare, clone and " + lives
}

// newTraceJob reads the flags.
func (a *app) newTraceJob(cmd *cobra.Command, f traceFlags, args []string) (*traceJob, error) {
	if !cmd.Flags().Changed("syscalls") {
		f.syscalls = !f.lifecycle
	}
	switch {
	case !f.syscalls && !f.lifecycle:
		return nil, usagef("nothing is traced with --syscalls=false\nhint: use --lifecycle with it")
	case len(args) > 0:
		return nil, usagef("trace takes no arguments, got %q\nhint: to trace a command use nsinspect trace -- %s", args[0], explain.Words(args, "COMMAND"))
	case f.to == "-": // stdout, where other commands take it
		return nil, usagef("--to takes a file\nhint: use /dev/stdout, or ./- for a file of that name")
	case !f.syscalls && f.failed:
		return nil, usagef("--failed selects calls, and --lifecycle has none\nhint: use --syscalls with it")
	case !f.syscalls && f.fold != "":
		return nil, usagef("--fold joins calls\nhint: use --syscalls with it")
	case a.root != "/":
		return nil, usagef("trace records the running kernel\nhint: --root is for list and who-uses")
	case a.sources != nil:
		return nil, usagef("trace has no sources\nhint: --source is for list and who-uses")
	}
	j := &traceJob{to: f.to, syscalls: f.syscalls, lifecycle: f.lifecycle}
	format, err := parseFormat(f.output, render.Table, render.Wide, render.JSON)
	if err != nil {
		return nil, err
	}
	j.format = format
	if err := j.parseFilter(f, cmd.Flags().Changed); err != nil {
		return nil, err
	}
	if j.duration, err = parseTime("--duration", f.duration); err != nil {
		return nil, err
	}
	if j.fold, err = parseTime("--fold", f.fold); err != nil {
		return nil, err
	}
	if j.count, err = parseCount("--count", f.count, "a number of events", 1<<62); err != nil {
		return nil, err
	}
	tiers := trace.Tiers()
	tier, err := parseCount("--tier", f.tier, "a number", len(tiers))
	if err != nil {
		return nil, err
	}
	j.opts.Tier = trace.Tier(tier)
	if j.opts.Buffer, err = parseSize("--buffer", f.buffer); err != nil {
		return nil, err
	}
	return j, j.parseRotation(f)
}

// parseRotation reads --rotate and --keep.
func (j *traceJob) parseRotation(f traceFlags) (err error) {
	const usual, most = 9, 1000
	switch {
	case f.rotate == "" && f.keep == "":
		return nil
	case f.rotate == "":
		return usagef("--keep is for --rotate\nhint: use --rotate SIZE with it")
	case f.to == "":
		return usagef("--rotate is for a file\nhint: use --to FILE with it")
	}
	if j.rotate, err = parseSize("--rotate", f.rotate); err != nil {
		return err
	}
	if j.keep, err = parseCount("--keep", f.keep, "a number of files", most); j.keep == 0 {
		j.keep = usual
	}
	return err
}

func (j *traceJob) parseFilter(f traceFlags, given func(flag string) bool) error {
	types, err := parseTypes(f.types)
	if err != nil {
		return err
	}
	if len(types) < len(ns.Types()) {
		j.opts.Filter.Types, j.nsType = types, types[0]
	}
	j.lives = []ns.Type{ns.Net}
	if given("type") {
		j.lives = types
	}
	pid, err := parseCount("--pid", f.pid, "the number of a process or thread", maxPID)
	if err != nil {
		return err
	}
	j.opts.Filter.PID, j.failed = pid, f.failed
	j.opts.Filter.Failed = f.failed && !f.lifecycle
	const longest = 15 // include/linux/sched.h, TASK_COMM_LEN without the NUL
	switch {
	case given("comm") && f.comm == "":
		return usagef("--comm is empty\nhint: it takes the name of a thread, as in /proc/PID/comm")
	case len(f.comm) > longest:
		return usagef("--comm %q is %d bytes long\nhint: the name of a thread has at most %d, such as %q", f.comm, len(f.comm), longest, f.comm[:longest])
	}
	j.opts.Filter.Comm = f.comm
	if err := j.parseSelection(f); err != nil {
		return err
	}
	if f.ns == "" {
		return nil
	}
	ref, err := resolve.ParseRef(f.ns)
	if err != nil {
		return usageError{error: err}
	}
	j.ns = &ref
	return nil
}

// maxPID is the largest PID there can be (include/linux/threads.h, PID_MAX_LIMIT,
// 6.18).
const maxPID = 4194304

// parseCount reads a number from 1 to most; "" is 0.
func parseCount(flag, text, what string, most int) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err == nil && n >= 1 && n <= most {
		return n, nil
	}
	limit := "from 1 up"
	if most <= maxPID {
		limit = fmt.Sprintf("from 1 to %d", most)
	}
	return 0, usagef("bad %s %q\nhint: it takes %s, %s", flag, text, what, limit)
}

func parseTime(flag, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond {
		return 0, usagef("bad %s %q\nhint: it takes a time of 1ms or more, such as 10s", flag, text)
	}
	return d, nil
}

// parseSize reads a power of two with a suffix K, M or G (of 1024), as 16M.
func parseSize(flag, text string) (int, error) {
	const least, most = 4096, 1 << 30
	size, ok := parseBytes(text)
	if !ok || bits.OnesCount64(uint64(size)) != 1 || size < least || size > most || int(size) < unix.Getpagesize() {
		return 0, usagef("bad %s %q\nhint: it takes a power of two from 4K to 1G, such as 16M", flag, text)
	}
	return int(size), nil
}

// parseBytes reads a size with a suffix K, M or G (of 1024), or none.
func parseBytes(text string) (int64, bool) {
	digits, shift := text, 0
	for i, suffix := range []string{"K", "M", "G"} {
		for _, long := range []string{suffix, suffix + "iB"} {
			if d, ok := strings.CutSuffix(text, long); ok {
				digits, shift = d, 10*(i+1)
			}
		}
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	return int64(n) << shift, err == nil
}
