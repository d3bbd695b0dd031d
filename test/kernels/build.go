// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"
)

// suite is a package whose tests run on every kernel.
type suite struct {
	dir string // in this repository
	// skip leaves out tests that take long under emulation and show nothing of the
	// kernel, or that need what only a development machine has.
	skip string
	run  string // the tests to run, by name; "" for all
}

// suites is the table of test binaries: adding one is a row.
var suites = []suite{
	{dir: "internal/callscript"},
	{dir: "internal/host"},
	{dir: "internal/kernel"},
	{dir: "internal/names"},
	{dir: "internal/nsfs"},
	{dir: "internal/procscan"},
	{dir: "internal/bpfreader", skip: "TestOldObject|TestManyDescriptors"},                        // kernels before 6.2 load the old one anyway; 100,000 descriptors
	{dir: "pkg/scan", skip: "TestStorm|TestMany|TestProcessThatKeepsRenaming|TestScanIsNoHolder"}, // which want more cores than one
	{dir: "internal/nstest"},
	{dir: "pkg/resolve"},
	{dir: "pkg/links"},
	{dir: "pkg/enter"},
	{dir: "pkg/trace", skip: "Race|TestSteady|TestCount|TestNoReader|TestFinish$|TestManyTasks"}, // floods, which want more cores too
	{dir: "pkg/trace/lifecycle"},
	{dir: "pkg/doctor", skip: "TestEveryCheckHasAFile"}, // which needs the source
	{dir: "test/engines", skip: "TestManyDescriptors|TestManyMounts|TestSnapshotMemory|TestAdvice"}, // hundreds of pairs,
	{dir: "cmd/nsinspect", skip: "TestEnd|TestUserWhoLies|TestExecAsIP"},                            // which take minutes
}

func (s suite) name() string { return strings.ReplaceAll(s.dir, "/", "-") }

// build compiles the program, the probe and the tests of suites for an architecture: the
// program as packages are built, and tests as make test does, which compiled them already.
func build(ctx context.Context, arch, to string, suites []suite) error {
	programs := []struct{ arch, name, dir string }{
		{arch, "nsinspect", "./cmd/nsinspect"},
		{arch, "probe", "./test/kernels/probe"},
		{map[string]string{"amd64": "386", "arm64": "arm"}[arch], "nshold32", "./internal/nstest/cmd/nshold"},
	}
	var all errgroup.Group
	all.SetLimit(runtime.NumCPU()) // linkers, each of which takes little more than one
	for _, p := range programs {
		all.Go(func() error {
			return goTool(ctx, p.arch, "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(to, p.name), p.dir)
		})
	}
	for _, s := range suites {
		all.Go(func() error {
			return goTool(ctx, arch, "test", "-c", "-ldflags", "-s -w", "-o", filepath.Join(to, s.name()), "./"+s.dir)
		})
	}
	return all.Wait()
}

func goTool(ctx context.Context, arch string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// writeInitrd puts together what a kernel boots with: Debian's user land, what was
// built, the modules and the jobs.
func writeInitrd(path string, k kernel, cache, built, jobs string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	defer f.Close()
	a := newArchive(f)
	a.tree(filepath.Join(cache, "userland-"+k.arch), "/")
	for _, name := range []string{"init", "modes"} {
		if err := a.copy("test/kernels/guest/"+name, name); err != nil {
			return fmt.Errorf("make initrd: %w", err)
		}
	}
	a.tree(built, "/built")
	a.symlink("/usr/bin/nsinspect", "/built/nsinspect")
	for _, s := range suites {
		a.dir("/src/" + s.dir)
		data := filepath.Join(s.dir, "testdata")
		if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
			a.tree(data, "/src/"+data)
		}
	}
	programs, err := filepath.Glob("pkg/trace/*.o") // which tests of internal/bpfreader read
	if err != nil {
		return err
	}
	for _, o := range programs {
		if err := a.copy(o, "/src/"+o); err != nil {
			return fmt.Errorf("make initrd: %w", err)
		}
	}
	modules, err := modulesOf(k.dir(cache), wanted)
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, m := range modules {
		name := "/modules.d/" + filepath.Base(m)
		if err := a.copy(m, name); err != nil {
			return fmt.Errorf("make initrd: %w", err)
		}
		fmt.Fprintln(&list, name)
	}
	a.file("/modules", 0o644, []byte(list.String()))
	a.file("/jobs", 0o644, []byte(jobs))
	if err := a.end(); err != nil {
		return fmt.Errorf("make initrd: %w", err)
	}
	return f.Close()
}

// jobs is the script that the guest runs.
func jobs(command string, suites []suite, tests string) string {
	if command != "" {
		return "export TERM=dumb\njob command / /bin/sh -c '" + strings.ReplaceAll(command, "'", `'\''`) + "'\n"
	}
	var b strings.Builder
	b.WriteString("export NSINSPECT_PROGRAM=/built/nsinspect TERM=dumb\njob probe / /built/probe\njob modes / /modes\n")
	for _, s := range suites {
		fmt.Fprintf(&b, "job %s /src/%s /built/%s -test.v=test2json -test.timeout 12m", s.dir, s.dir, s.name())
		if s.skip != "" {
			fmt.Fprintf(&b, " -test.skip '%s'", s.skip)
		}
		if run := cmp.Or(tests, s.run); run != "" {
			fmt.Fprintf(&b, " -test.run '%s'", run)
		}
		b.WriteString("\n")
	}
	return b.String()
}
