// SPDX-License-Identifier: Apache-2.0

// Command probe prints what a kernel offers of what nsinspect uses, and what
// each engine makes of every scene of internal/nstest there. It prints a fact a
// line, "word: value", in an order that does not change. It needs root.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/scan/bpf"
)

func main() {
	nstest.Main()
	out := bufio.NewWriter(os.Stdout)
	var uts unix.Utsname
	if unix.Uname(&uts) == nil { // which cannot fail
		fmt.Fprintf(out, "release: %s\n", unix.ByteSliceToString(uts.Release[:]))
	}
	for _, f := range features {
		fmt.Fprintf(out, "%s: %s\n", f.name, word(f.try()))
	}
	passes(out)
	scenes(out)
	if err := out.Flush(); err != nil {
		os.Exit(1)
	}
}

// word returns that something works, or why not.
func word(err error) string {
	if err == nil {
		return "yes"
	}
	return "no: " + err.Error()
}

// passes prints what the bpf engine loads.
func passes(out *bufio.Writer) {
	names := []struct {
		pass bpfreader.Pass
		name string
	}{
		{bpfreader.Tasks, "tasks"}, {bpfreader.Files, "files"}, {bpfreader.Nets, "kernel's list"},
		{bpfreader.Mapped, "mapped sockets"}, {bpfreader.InFlight, "files in flight"},
	}
	r, err := bpfreader.Open(bpfreader.Options{})
	if err != nil {
		fmt.Fprintf(out, "engine bpf: no: %v\n", err)
		return
	}
	defer r.Close()
	refused := map[bpfreader.Pass]bool{}
	for _, refusal := range r.Refused() {
		refused[refusal.Pass] = true
	}
	fmt.Fprintln(out, "engine bpf: yes")
	for _, n := range names {
		printed := "yes"
		if refused[n.pass] {
			printed = "no"
		}
		fmt.Fprintf(out, "bpf reads %s: %s\n", n.name, printed)
	}
	nets, err := r.Nets()
	if err == nil && (len(nets) == 0 || nets[0].Cookie == 0) {
		err = errors.New("the kernel's list has none")
	}
	fmt.Fprintf(out, "cookie, bpf: %s\n", word(err))
}

// scenes makes each scene and prints what each engine finds.
func scenes(out *bufio.Writer) {
	engine, err := bpf.New()
	if err == nil {
		defer engine.Close()
	}
	for _, kind := range nstest.Kinds() {
		scene, startErr := nstest.Start(kind, nstest.Options{})
		for _, e := range []struct {
			name    string
			options scan.Options
		}{{"proc", scan.Options{}}, {"bpf", scan.Options{}}} {
			if e.name == "bpf" && engine == nil {
				continue
			}
			if e.name == "bpf" {
				e.options.Engine = engine
			}
			printed := "cannot be made"
			if startErr == nil {
				printed = found(scene, e.options)
			}
			fmt.Fprintf(out, "scene %s, %s: %s\n", kind, e.name, printed)
		}
		if startErr != nil {
			continue
		}
		if err := scene.Close(); err != nil {
			fmt.Fprintf(out, "scene %s: not freed: %v\n", kind, err)
		}
	}
}

// found returns in one word what a scan makes of a scene: what it shows to hold the
// namespace, or that it does not show it, and whether it admits that.
func found(scene *nstest.Scene, options scan.Options) string {
	snap, err := scan.Scan(context.Background(), options)
	if err != nil {
		return "scan failed: " + err.Error()
	}
	n := snap.Find(scene.Inode)
	switch {
	case n != nil && n.Count(ns.KindKernel) == len(n.Holders) && len(n.Holders) > 0:
		return "unexplained" // how many references that are depends on the kernel
	case n != nil && len(n.Holders) > 0:
		return strings.Join(n.Tally(), ", ")
	case snap.Complete():
		return "missed"
	}
	return "not looked at"
}
