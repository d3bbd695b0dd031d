// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/testreport"
)

// runner is one call of the program.
type runner struct {
	cache, work string
	command     string // to run in place of the tests
	suites      []suite
	tests       string // of these the tests to run, by name; "" for all
	options     string // for the kernel's command line
	write       bool
	limit       time.Duration // of one boot
	mu          sync.Mutex    // one report at a time
	shown       []testreport.Summary
}

func main() {
	var r runner
	names := flag.String("kernels", "", "the `NAMES` of kernels to boot, all amd64 ones by default")
	arch := flag.String("arch", "amd64", "boot the kernels of this `ARCHITECTURE`")
	parallel := flag.Int("parallel", 2, "boot so `MANY` at once")
	only := flag.String("suites", "", "run the tests of these `DIRECTORIES` alone; what is expected is not looked at then")
	flag.StringVar(&r.tests, "tests", "", "with -suites, run the tests alone whose name matches this `REGEXP`")
	docs := flag.Bool("docs", false, "only write the table of docs/kernels.md from what is expected")
	flag.StringVar(&r.command, "run", "", "run this `COMMAND` in place of the tests, and print what it prints")
	flag.StringVar(&r.options, "append", "", "more `OPTIONS` for the kernel")
	flag.BoolVar(&r.write, "write", false, "write what is expected anew")
	flag.DurationVar(&r.limit, "timeout", 20*time.Minute, "how long one kernel may run")
	flag.Parse()
	err := r.only(*only)
	switch {
	case err != nil:
	case *docs:
		err = writePage()
	default:
		err = r.run(*names, *arch, *parallel)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
		os.Exit(1)
	}
}

// only keeps the suites of the named directories, all by default.
func (r *runner) only(names string) error {
	if r.suites = suites; names == "" {
		return nil
	}
	r.suites = nil
	for dir := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(suites, func(s suite) bool { return s.dir == dir })
		if i < 0 {
			return fmt.Errorf("-suites %s: no suite in build.go has that directory: name it as test/engines", dir)
		}
		r.suites = append(r.suites, suites[i])
	}
	return nil
}

// suitesOf returns the suites that a kernel runs: the named ones, whatever is usual.
func (r *runner) suitesOf(k kernel) []suite {
	if len(r.suites) != len(suites) {
		return r.suites
	}
	return k.suites(r.suites)
}

// toBuild returns the suites whose tests are run: none where a command is.
func (r *runner) toBuild() []suite {
	if r.command != "" {
		return nil
	}
	return r.suites
}

func choose(names, arch string) ([]kernel, error) {
	var all []kernel
	if names == "" {
		for _, k := range kernels {
			if k.arch == arch {
				all = append(all, k)
			}
		}
		return all, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		k, ok := kernelNamed(name)
		if !ok {
			return nil, fmt.Errorf("no kernel %q in kernels.go", name)
		}
		all = append(all, k)
	}
	return all, nil
}

func (r *runner) run(names, arch string, parallel int) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	chosen, err := choose(names, arch)
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("find a cache directory: %w", err)
	}
	r.cache = filepath.Join(cache, "nsinspect", "kernels")
	if r.work, err = os.MkdirTemp("", "nsinspect-kernels-"); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(r.work)
	built := map[string]bool{}
	for _, k := range chosen {
		if err := k.fetch(ctx, r.cache); err != nil {
			return err
		}
		if dir := filepath.Join(r.work, k.arch); !built[k.arch] {
			built[k.arch] = true
			if err := errors.Join(os.Mkdir(dir, 0o755), build(ctx, k.arch, dir, r.toBuild())); err != nil {
				return err
			}
		}
	}
	r.bootAll(ctx, chosen, parallel)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err := r.close(names == "" && arch == "amd64" && len(r.suites) == len(suites)); err != nil {
		return err
	}
	if r.write {
		return writePage()
	}
	return nil
}

func (r *runner) bootAll(ctx context.Context, chosen []kernel, parallel int) {
	// The longest first: two at once end together then.
	chosen = slices.SortedStableFunc(slices.Values(chosen), func(a, b kernel) int { return len(r.suitesOf(b)) - len(r.suitesOf(a)) })
	slots := make(chan struct{}, max(parallel, 1))
	var wg sync.WaitGroup
	for _, k := range chosen {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			if err := r.one(ctx, k); err != nil {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.shown = append(r.shown, testreport.Summary{Suite: k.name, Failed: []testreport.Test{{Name: "did not run to its end"}}})
				fmt.Printf("== %s: %v\n", k.name, err)
			}
		})
	}
	wg.Wait()
}

// one boots one kernel and reports.
func (r *runner) one(ctx context.Context, k kernel) error {
	initrd := filepath.Join(r.work, k.name)
	defer os.RemoveAll(initrd)
	if err := writeInitrd(initrd, k, r.cache, filepath.Join(r.work, k.arch), jobs(r.command, r.suitesOf(k), r.tests)); err != nil {
		return err
	}
	o := k.boot(ctx, r.cache, initrd, k.options+" "+r.options, r.limit)
	if o.err == errInterrupted {
		return o.err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.command != "" {
		for _, j := range parseJobs(o.results) {
			fmt.Printf("%s", j.output)
		}
	} else {
		r.report(k, o)
	}
	if o.err != nil {
		return fmt.Errorf("%w\nthe end of its output:\n%s\nand of its console:\n%s", o.err, lastLines(o.results), lastLines(o.console))
	}
	return nil
}

func lastLines(text []byte) string {
	return strings.Join(tail(strings.Split(strings.TrimRight(string(text), "\n"), "\n"), 40), "\n")
}

// report holds what one boot showed against what was expected.
func (r *runner) report(k kernel, o outcome) {
	rep := newReport(o.results, r.suitesOf(k))
	fmt.Printf("== %s: Linux %s, %.0f s\n", k.name, rep.release, o.took.Seconds())
	for _, line := range rep.lines {
		fmt.Println("  ", line)
	}
	path := filepath.Join("test/kernels/expected", k.name+".txt")
	if len(r.suites) != len(suites) {
		fmt.Println("  ", strings.Join(rep.facts, "\n   "))
	} else if r.write && o.err == nil {
		if err := os.WriteFile(path, []byte(strings.Join(rep.facts, "\n")+"\n"), 0o644); err != nil {
			rep.failed = append(rep.failed, err.Error())
		}
	} else if expected, err := readLines(path); err != nil {
		rep.failed = append(rep.failed, err.Error())
	} else {
		rep.failed = append(rep.failed, differences(expected, rep.facts)...)
	}
	for _, what := range rep.failed {
		fmt.Println("  ", what)
	}
	rep.tests.Suite = k.name
	if len(rep.failed) > 0 && len(rep.tests.Failed) == 0 {
		rep.tests.Failed = []testreport.Test{{Name: "is not as expected"}}
	}
	r.shown = append(r.shown, rep.tests)
}

// readLines reads what was expected; nothing is there of a kernel that is new.
func readLines(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what is expected: %w", err)
	}
	return strings.Split(strings.TrimRight(string(text), "\n"), "\n"), nil
}
