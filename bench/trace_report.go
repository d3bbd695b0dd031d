// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// The targets of `nsinspect trace`.
const (
	targetStrace   = 1.0 / 20 // of what strace adds to a call, at most
	targetBpftrace = 1.0 / 8  // of what bpftrace adds, at most
	targetTax      = 200.0    // ns on another call, at most
	targetIdle     = 0.5      // percent of a CPU, less than
	targetPeak     = 64.0     // MiB, less than
	targetReady    = 60.0     // ms, at most
	targetGone     = 100.0    // ms, at most
)

// middle is the median of figures; 0 of none.
func middle(figures []float64) float64 {
	if len(figures) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(figures))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func (r *traceReport) targets() []target {
	ours := middle(r.Added[traceJSON])
	part := func(of string) float64 {
		if theirs := middle(r.Added[of]); theirs > 0 {
			return ours / theirs
		}
		return 0
	}
	strace, bpftrace := part(traceStrace), part(traceBpftrace)
	figure := func(promise, format string, found, most float64) target {
		return target{promise, fmt.Sprintf(format, found), verdict(true, false, found <= most)}
	}
	return []target{
		{"adds at most 1/20 of what strace on the same core adds", fraction(strace), verdict(strace > 0, false, strace <= targetStrace)},
		{"adds at most 1/8 of what a printing bpftrace adds", fraction(bpftrace), verdict(bpftrace > 0, false, bpftrace <= targetBpftrace)},
		figure("another call (getppid) at most 0.2 µs longer", "%.0f ns", middle(r.Getppid), targetTax),
		figure("idle, under 0.5 % of a CPU", "%.2f %%", r.IdleCPU, targetIdle),
		figure("memory under 64 MiB", "%.1f MiB", r.PeakMiB, targetPeak),
		figure("ready within 60 ms of exec", "%.0f ms", middle(r.Ready), targetReady),
		figure("gone within 100 ms of SIGINT", "%.0f ms", middle(r.Gone), targetGone),
	}
}

// markdown is what goes into the page.
func (r *traceReport) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Machine: %s.\n\n```\ngo run ./bench trace -runs %d\n```\n\n", r.Machine, r.Runs)
	b.WriteString("A loop on one core calls setns on the namespace that it is in, and each tracer records every call, to a file. ")
	fmt.Fprintf(&b, "Medians of %d rounds; a bare call takes %.2f µs.\n\n", r.Runs, middle(r.Bare)/1000)
	b.WriteString("| target of nsinspect trace | found |  |\n|---|--:|--:|\n")
	for _, t := range r.targets() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", t.Promise, t.Found, t.Met)
	}
	b.WriteString("\n| tracer | added to a call, µs | min–max |\n|---|--:|--:|\n")
	for _, name := range []string{traceJSON, traceTable, traceBpftrace, traceStrace} {
		if all := r.Added[name]; len(all) > 0 {
			fmt.Fprintf(&b, "| %s | %.2f | %.2f–%.2f |\n", name, middle(all)/1000, slices.Min(all)/1000, slices.Max(all)/1000)
		}
	}
	if len(r.Absent) > 0 {
		fmt.Fprintf(&b, "\nNot installed: %s.\n", strings.Join(r.Absent, ", "))
	}
	return b.String()
}

// save prints the report and writes the files asked for.
func (r *traceReport) save(o traceOptions) error {
	if _, err := io.WriteString(os.Stdout, r.markdown()); err != nil {
		return err
	}
	if o.json != "" {
		text, err := json.MarshalIndent(r, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.out == "" {
		return nil
	}
	return traceSection.rewriteFile(o.out, r.Machine.kind(), r.markdown())
}
