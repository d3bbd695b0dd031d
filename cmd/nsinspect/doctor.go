// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
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
are 3 as well, with a message on stderr and nothing on stdout. With --exit-status npd
they are those of a plugin of node-problem-detector: 0 OK, 1 a problem, 3 unknown, and
the first line alone. Run it as root: other users see too little.

A finding is reported only if a second look, two seconds later, shows it again.
--ignore excuses findings: by a name of the namespace, a path, an inode, or the ID that
JSON has, such as no-process:net:[4026532177]; * and ? stand for any characters. What is
ignored is counted, and JSON lists it. --filter selects findings by their members in JSON,
in the language of list --filter; what it leaves out counts for nothing.

With --type, limits and split-thread are checked for namespaces of these types as well, and
with user namespaces unused-userns. A limit holds for each UID in each user namespace; those
of the one that doctor runs in can be read.

--watch goes on until it is interrupted. A terminal shows the last report. Elsewhere a line
that begins with + reports each new finding, and one with - each that has gone; JSON and YAML
have one document per look.

-o sh prints the fixes as a script in which every command is a comment: remove the # of
those that are to run.

Checks:
`

const doctorExamples = `  nsinspect doctor
  nsinspect doctor --max-orphans 4 --min-age 10m
  nsinspect doctor --type all --check limits,split-thread,unused-userns
  nsinspect doctor --skip no-process --ignore '/run/netns/lab-*'
  nsinspect doctor --filter 'severity == critical or age > 24h'
  nsinspect doctor --watch 1m
  nsinspect doctor --exit-status npd
  nsinspect doctor -o sh > fixes && ${EDITOR:-vi} fixes
  nsinspect doctor -o json | jq '.findings[].subject'`

func (a *app) doctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "check for namespace leaks and print the fix",
		Long:    doctorHelp + strings.TrimSuffix(checksHelp(), "\n"),
		Example: doctorExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("doctor takes no arguments, got %q\nhint: it checks all namespaces", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.watch == "" && cmd.Flags().Changed("watch") {
				return usagef("empty interval\nhint: --watch takes a time, such as 10s, or nothing")
			}
			return a.doctor(cmd.Context(), f)
		},
	}
	f.register(cmd.Flags())
	completeFlags(cmd, map[string]words{
		"output": oneOf("table", "json", "yaml", "sh"), "type": listOf(typeWords), "check": listOf(checkWords), "watch": oneOf("10s", "1m", "10m"), "skip": listOf(checkWords),
		"exit-status": oneOf(monitors...), "ignore": oneOf(), "filter": oneOf(),
	})
	return cmd
}

// secondLook is how long the doctor waits before it looks again.
var secondLook = 2 * time.Second

func (a *app) doctor(ctx context.Context, f doctorFlags) error {
	if slices.Equal(f.check, []string{"help"}) {
		return a.write([]byte(checksHelp()))
	}
	opts, view, err := f.parse()
	switch {
	case err != nil:
		return err
	case a.sources != nil:
		return usagef("doctor reads every source\nhint: leave --source out")
	}
	file, err := a.openFrom(ctx)
	if err != nil {
		return err
	}
	if file != nil {
		return a.doctorIn(file, opts, view)
	}
	scanning, done, err := a.options()
	if err != nil {
		return err
	}
	defer done()
	scanning.Types, scanning.Details = []ns.Type{ns.Net}, true
	opts.Host, opts.Pause = scanning.Host, secondLook
	opts.Scan = func(ctx context.Context) (*ns.Snapshot, error) { return scan.Scan(ctx, scanning) }
	scanAll, doneAll := a.scanAll(scanning)
	defer doneAll()
	opts.ScanAll = scanAll
	if view.every > 0 {
		return a.watchDoctor(ctx, opts, view)
	}
	report, err := doctor.Run(ctx, opts)
	if err != nil {
		return err
	}
	return a.diagnose(render.Filter(report, view.filter), view)
}

// diagnose writes a report, and returns how things are as an error unless they are well.
func (a *app) diagnose(report *doctor.Report, view doctorView) error {
	if err := a.writeReport(report, view); err != nil {
		return err
	}
	a.note(render.GapNotes(report.Snapshot, report.Owners, a.verbose))
	if status := report.Status(); status != doctor.OK {
		return diagnosis{status, view.npd}
	}
	return nil
}

// scanAll returns a scan of all types, whose engine is opened when it is first used; done
// closes that.
func (a *app) scanAll(opts scan.Options) (all func(context.Context) (*ns.Snapshot, error), done func()) {
	var closeIt func()
	all = func(ctx context.Context) (*ns.Snapshot, error) {
		if closeIt == nil {
			engine, closeEngine, _, err := a.openEngine(ns.Types())
			if err != nil {
				return nil, err
			}
			closeIt = closeEngine
			opts.Engine, opts.NoEngine, opts.Types = engine, a.noEngine, ns.Types()
		}
		return scan.Scan(ctx, opts)
	}
	return all, func() {
		if closeIt != nil {
			closeIt()
		}
	}
}

// writeReport writes a report in one piece. node-problem-detector shows the first 80 bytes of
// what a plugin prints: of a table it gets the first line, which is shorter.
func (a *app) writeReport(r *doctor.Report, v doctorView) error {
	var out bytes.Buffer
	var err error
	if v.npd && v.format == render.Table {
		err = render.Headline(&out, r, a.style())
	} else {
		err = render.Doctor(&out, r, v.format, v.style(a))
	}
	if err != nil {
		return err
	}
	return a.write(out.Bytes())
}

// style is that of the program, with a height only where not everything is to be shown.
func (v *doctorView) style(a *app) render.Style {
	style := a.style()
	if v.all {
		style.Height = 0
	}
	return style
}

func (a *app) write(out []byte) error {
	if _, err := a.stdout.Write(out); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// diagnosis ends the program with the status that a monitoring plugin has for
// what was found, and with no message: the first line has it.
type diagnosis struct {
	found doctor.Severity
	npd   bool // the plugin is one of node-problem-detector's, for which a problem is a problem
}

func (d diagnosis) Error() string { return d.found.String() }

func (d diagnosis) exit() int {
	if d.npd && d.found != doctor.Unknown {
		return exitProblem
	}
	return map[doctor.Severity]int{
		doctor.Warning: exitWarning, doctor.Critical: exitCritical, doctor.Unknown: exitUnknown,
	}[d.found]
}
