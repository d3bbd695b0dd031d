// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// selection are the flags for which namespaces are listed, in which order, and with which
// columns.
type selection struct {
	filter, columns, sort string
	tree                  string
	owner, keptBy, name   string
	pid                   string
	noProcess             bool
}

func (s *selection) register(flags *pflag.FlagSet) {
	flags.StringVarP(&s.filter, "filter", "Q", "", "list what `EXPRESSION` is true of, such as 'procs == 0 and age > 1h'")
	flags.StringVar(&s.columns, "columns", "", "show these `COLUMNS`; +AGE adds one, -PID removes one; help lists them")
	flags.StringVar(&s.sort, "sort", "", "sort by `COLUMNS`; -AGE has the greatest first")
	flags.StringVarP(&s.tree, "tree", "T", "", "show a `TREE`: owner or parent")
	flags.StringVar(&s.owner, "owner", "", "list what belongs to an owner that fits `PATTERN`, such as docker:web or *-db")
	flags.StringVar(&s.keptBy, "kept-by", "", "list what a holder of `KIND` keeps alive, such as socket")
	flags.StringVar(&s.name, "name", "", "list what has a name that fits `PATTERN`, such as cni-*")
	flags.BoolVar(&s.noProcess, "no-process", false, "list what no process is in")
	flags.StringVarP(&s.pid, "pid", "p", "", "list what the process `PID` is in or keeps alive")
}

// view returns what the flags ask for, of namespaces of so many types. columns are those
// of the environment.
func (s *selection) view(format render.Format, types int, columns string) (v render.View, err error) {
	v.Format, v.Tree = format, render.Tree(s.tree)
	switch {
	case s.tree != "" && !slices.Contains(render.Trees(), s.tree):
		return v, unknownTree(s.tree)
	case s.tree != "" && (format == render.CSV || format == render.Name):
		return v, usagef("%s has no tree\nhint: leave --tree out, or use -o table, wide, json or yaml", format)
	}
	if v.Filter, err = s.condition(); err != nil {
		return v, err
	}
	if s.sort != "" {
		if v.Order, err = render.ParseOrder(s.sort); err != nil {
			return v, usagef("--sort: %w\nhint: nsinspect list --columns help lists them", err)
		}
	}
	tabular := slices.Contains([]render.Format{render.Table, render.Wide, render.CSV}, format)
	switch {
	case s.columns != "" && !tabular:
		return v, usagef("--columns is for tables, and %s has everything\nhint: use -o table, wide or csv", format)
	case !tabular || s.columns+columns == "":
		return v, nil
	}
	from := "--columns"
	if s.columns == "" {
		from = "NSINSPECT_COLUMNS"
	}
	if v.Columns, err = render.ParseColumns(cmp.Or(s.columns, columns), format, types); err != nil {
		return v, usagef("%s: %w\nhint: nsinspect list --columns help lists them", from, err)
	}
	return v, nil
}

func unknownTree(tree string) error {
	return usagef("unknown tree %q\nhint: use %s", tree, strings.Join(render.Trees(), " or "))
}

// condition returns what is true of all that is to be listed, nil if that is everything.
func (s *selection) condition() (*filter.Filter, error) {
	all, err := parseFilter(s.filter, render.FilterFields())
	if err != nil {
		return nil, err
	}
	if s.keptBy != "" && !slices.ContainsFunc(ns.Kinds(), func(k ns.Kind) bool { return k.String() == s.keptBy }) {
		return nil, usagef("--kept-by: no kind of holder %s\nhint: use %s", text.Name(s.keptBy), joined(ns.Kinds()))
	}
	pid := ""
	switch n, err := parseCount("--pid", s.pid, "the number of a process", maxPID); {
	case err != nil:
		return nil, err
	case n > 0:
		pid = strconv.Itoa(n)
	}
	for _, by := range []struct{ field, pattern string }{{"owner", s.owner}, {"kept_by", s.keptBy}, {"names", s.name}, {"holders.pid", pid}} {
		if by.pattern == "" {
			continue
		}
		f, err := filter.Equal(by.field, by.pattern)
		if err != nil {
			return nil, usagef("bad pattern %s: %w\nhint: * and ? stand for any characters", text.Name(by.pattern), err)
		}
		all = filter.And(all, f)
	}
	if s.noProcess {
		f, err := parseFilter("procs == 0", render.ListFields())
		if err != nil {
			return nil, err
		}
		all = filter.And(all, f)
	}
	return all, nil
}

// parseFilter reads a filter about these fields, "" for none. The error has the place.
func parseFilter(src string, fields []filter.Field) (*filter.Filter, error) {
	return parseFilterOf("nsinspect list --columns help", "procs == 0 and age > 1h", src, fields)
}

// parseFilterOf is parseFilter, where a command lists the fields, and with an example.
func parseFilterOf(lists, example, src string, fields []filter.Field) (*filter.Filter, error) {
	if src == "" {
		return nil, nil
	}
	f, bad := filter.Parse(src, fields)
	if bad != nil {
		return nil, usagef("%w\nhint: compare what %s lists, for example '%s'",
			misplaced{fmt.Errorf("bad filter: %w", bad), src, bad.At}, lists, example)
	}
	return f, nil
}
