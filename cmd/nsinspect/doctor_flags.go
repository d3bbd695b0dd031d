// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/doctor"
)

type doctorFlags struct {
	output      string
	types       []string
	check, skip []string
	ignore      []string
	filter      string
	all         bool
	watch       string
	exitStatus  string
	maxOrphans  int
	minAge      time.Duration
}

func (f *doctorFlags) register(flags *pflag.FlagSet) {
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT`: table, json, yaml or sh, a script of the fixes")
	flags.StringSliceVarP(&f.types, "type", "t", []string{"net"}, "check namespaces of these `TYPES` too, or all")
	flags.StringSliceVar(&f.check, "check", nil, "run these `CHECKS` alone; help lists them")
	flags.StringSliceVar(&f.skip, "skip", nil, "do not run these `CHECKS`")
	flags.StringArrayVar(&f.ignore, "ignore", nil, "excuse findings whose name, path, inode or ID fits `PATTERN` (repeatable)")
	flags.StringVar(&f.filter, "filter", "", "report what `EXPRESSION` is true of, such as 'severity == critical'")
	flags.BoolVar(&f.all, "all", false, "show each of many findings of one check, also on a terminal")
	flags.StringVarP(&f.watch, "watch", "w", "", "check again every `INTERVAL` (default 10s); without a terminal, a line for each change")
	flags.Lookup("watch").NoOptDefVal = doctorInterval
	flags.StringVar(&f.exitStatus, "exit-status", "icinga", "exit as a plugin of `MONITOR`: icinga, or npd (node-problem-detector)")
	flags.IntVar(&f.maxOrphans, "max-orphans", 0, "excuse up to `N` namespaces that have a name and no process")
	flags.DurationVar(&f.minAge, "min-age", time.Minute, "pass over what is younger than `TIME`: things come and go")
}

// doctorInterval is how often --watch checks if no interval is given.
const doctorInterval = "10s"

// doctorView is what of a report is printed, how, and with which exit status.
type doctorView struct {
	format render.Format
	filter *filter.Filter
	npd    bool
	all    bool
	every  time.Duration // 0: once
}

// parse returns what the flags ask for.
func (f *doctorFlags) parse() (opts doctor.Options, v doctorView, err error) {
	if v.format, err = parseFormat(f.output, render.Table, render.JSON, render.YAML, render.Script); err != nil {
		return opts, v, err
	}
	switch {
	case f.maxOrphans < 0:
		return opts, v, usagef("bad number %d\nhint: --max-orphans takes 0 or more", f.maxOrphans)
	case f.minAge < 0:
		return opts, v, usagef("bad time %s\nhint: --min-age takes 0 or more, such as 10m", f.minAge)
	case !slices.Contains(monitors, f.exitStatus):
		return opts, v, usagef("unknown monitor %s\nhint: --exit-status takes icinga or npd", text.Name(f.exitStatus))
	}
	if opts.Types, err = parseTypes(f.types); err != nil {
		return opts, v, err
	}
	if v.every, err = parseInterval(f.watch); err != nil {
		return opts, v, err
	}
	if v.every > 0 && (f.exitStatus != "icinga" || v.format == render.Script) {
		return opts, v, usagef("--watch goes on, and has no exit status and no script\nhint: leave --exit-status and -o sh out")
	}
	v.npd, v.all = f.exitStatus == "npd", f.all
	opts.MaxOrphans, opts.MinAge = f.maxOrphans, f.minAge
	if opts.Checks, err = f.checks(); err != nil {
		return opts, v, err
	}
	for _, word := range f.ignore {
		if word == "" {
			return opts, v, usagef("--ignore is empty\nhint: it takes a name, path, inode or ID of a finding, such as /run/netns/lab-*")
		}
		p, err := doctor.ParsePattern(word)
		if err != nil {
			return opts, v, usagef("bad pattern %s: %w\nhint: * and ? stand for any characters", text.Name(word), err)
		}
		opts.Ignore = append(opts.Ignore, p)
	}
	v.filter, err = f.condition()
	return opts, v, err
}

// condition reads --filter.
func (f *doctorFlags) condition() (*filter.Filter, error) {
	if f.filter == "" {
		return nil, nil
	}
	var names []string
	for _, field := range render.FindingFields() {
		names = append(names, field.Name)
	}
	by, bad := filter.Parse(f.filter, render.FindingFields())
	if bad != nil {
		return nil, usagef("%w\nhint: compare %s", misplaced{fmt.Errorf("bad filter: %w", bad), f.filter, bad.At}, strings.Join(names, ", "))
	}
	return by, nil
}

// monitors are the values of --exit-status.
var monitors = []string{"icinga", "npd"}

// checks returns the names of the checks to run, nil for all.
func (f *doctorFlags) checks() ([]string, error) {
	known := checkWords()
	for _, word := range slices.Concat(f.check, f.skip) {
		if !slices.Contains(known, word) {
			return nil, usagef("unknown check %s\nhint: use %s", text.Name(word), strings.Join(known, ", "))
		}
	}
	if f.check != nil && len(f.check) == 0 || f.skip != nil && len(f.skip) == 0 {
		return nil, usagef("no check is named\nhint: use %s", strings.Join(known, ", "))
	}
	if f.check == nil && f.skip == nil {
		return nil, nil
	}
	some := known
	if f.check != nil {
		some = f.check
	}
	some = slices.DeleteFunc(slices.Clone(some), func(name string) bool { return slices.Contains(f.skip, name) })
	if len(some) == 0 {
		return nil, usagef("no check is left to run\nhint: --check names what to run, --skip what to leave out")
	}
	return some, nil
}

func checkWords() []string {
	var all []string
	for _, c := range doctor.Checks() {
		all = append(all, c.Name)
	}
	return all
}

// checksHelp lists the checks with what they find.
func checksHelp() string {
	var all strings.Builder
	for _, c := range doctor.Checks() {
		fmt.Fprintf(&all, "  %-15s %s\n", c.Name, c.Text)
	}
	return all.String()
}
