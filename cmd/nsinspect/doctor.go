// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

const doctorHelp = `Check the network namespaces of this machine for leaks and broken names. Each finding
has the evidence, what it means, and the commands that fix it, in order. doctor only
reads: it runs none of these commands. Where no command is safe, because a user
controls what it would work on, the advice is in words.

The first line and the exit status are those of a monitoring plugin: 0 OK, 1 warning,
2 critical, 3 unknown, where not everything could be read. Usage errors and failures
are 3 as well, with a message on stderr and nothing on stdout. Run it as root: other
users see too little.

A finding is reported only if a second look, two seconds later, shows it again.

Checks:
`

const doctorExamples = `  nsinspect doctor
  nsinspect doctor --max-orphans 4 --min-age 10m
  nsinspect doctor -o sh > fixes && ${EDITOR:-vi} fixes
  nsinspect doctor -o json | jq '.findings[].subject'`

type doctorFlags struct {
	output     string
	maxOrphans int
	minAge     time.Duration
}

func (a *app) doctorCommand() *cobra.Command {
	var f doctorFlags
	var checks strings.Builder
	for _, c := range doctor.Checks() {
		fmt.Fprintf(&checks, "  %-15s %s\n", c.Name, c.Text)
	}
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "check for namespace leaks and print the fix",
		Long:    doctorHelp + strings.TrimSuffix(checks.String(), "\n"),
		Example: doctorExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("doctor takes no arguments, got %q\nhint: it checks all namespaces", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT`: table, json, yaml or sh, a script of the fixes")
	flags.IntVar(&f.maxOrphans, "max-orphans", 0, "excuse so many (`N`) namespaces that have a name and no process")
	flags.DurationVar(&f.minAge, "min-age", time.Minute, "pass over what is younger than `TIME`: things come and go")
	completeFlags(cmd, map[string]words{"output": oneOf("table", "json", "yaml", "sh")})
	return cmd
}

// secondLook is how long the doctor waits before it looks again.
const secondLook = 2 * time.Second

func (a *app) doctor(ctx context.Context, f doctorFlags) error {
	format, err := parseFormat(f.output, render.Table, render.JSON, render.YAML, render.Script)
	switch {
	case err != nil:
		return err
	case f.maxOrphans < 0:
		return usagef("bad number %d\nhint: --max-orphans takes 0 or more", f.maxOrphans)
	case f.minAge < 0:
		return usagef("bad time %s\nhint: --min-age takes 0 or more, as 10m", f.minAge)
	case a.sources != nil:
		return usagef("doctor reads every source\nhint: leave --source out")
	}
	opts, done, err := a.options()
	if err != nil {
		return err
	}
	defer done()
	opts.Types, opts.Details = []ns.Type{ns.Net}, true
	report, err := doctor.Run(ctx, doctor.Options{
		Host:       opts.Host,
		Scan:       func(ctx context.Context) (*ns.Snapshot, error) { return scan.Scan(ctx, opts) },
		MaxOrphans: f.maxOrphans, MinAge: f.minAge, Pause: secondLook,
	})
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := render.Doctor(&out, report, format, a.style()); err != nil {
		return err
	}
	if _, err := a.stdout.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	a.note(render.GapNotes(report.Snapshot, report.Owners, a.verbose))
	if status := report.Status(); status != doctor.OK {
		return diagnosis(status)
	}
	return nil
}

// diagnosis ends the program with the status that a monitoring plugin has for
// what was found, and with no message: the first line has it.
type diagnosis doctor.Severity

func (d diagnosis) Error() string { return doctor.Severity(d).String() }

func (d diagnosis) exit() int {
	return map[doctor.Severity]int{
		doctor.Warning: exitWarning, doctor.Critical: exitCritical, doctor.Unknown: exitUnknown,
	}[doctor.Severity(d)]
}
