// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/text"
)

// wrongFlag is the error of a flag that a command does not have, with what to type.
func (a *app) wrongFlag(cmd *cobra.Command, err error) error {
	if words := firstWords(cmd, a.args); !cmd.HasParent() && len(words) > 0 {
		return unknownCommand(cmd, words) // whose flag it is
	}
	hint := "see " + cmd.CommandPath() + " --help"
	if cmd.Name() == "exec" {
		hint += "; the command's own flags go behind --"
	}
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	switch {
	case errors.As(err, &bad):
		err = fmt.Errorf("bad --%s %s", bad.GetFlag().Name, text.Name(bad.GetValue()))
		switch bad.GetFlag().Value.Type() {
		case "int":
			hint = "it takes a number"
		case "duration":
			hint = "it takes a time, such as 10m"
		}
	case errors.As(err, &unknown):
		typed := "--" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			typed = typed[1:]
		}
		if here := explain.Habit(cmd.Name(), typed); here != "" {
			hint = here
		}
	case errors.As(err, &empty) && empty.GetFlag().Name == "tree":
		hint = "use --tree owner or --tree parent"
	}
	return usagef("%w\nhint: %s", err, hint)
}

// unknownCommand is the error of words that are no command, with what to type.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	words := args
	if len(words) > 1 && words[0] == "netns" && words[1] != "list" { // of ip
		words = words[1:]
	}
	if here := explain.Habit("", words[0]); here != "" && !cmd.HasParent() {
		return usagef("unknown command %q\nhint: %s", args[0], here)
	}
	var known []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			known = append(known, c.Name())
		}
	}
	switch similar := cmd.SuggestionsFor(strings.ToLower(args[0])); {
	case len(words) < len(args) && slices.Contains(known, words[0]):
		known = words[:1]
	case len(similar) > 0:
		known = similar
	}
	return usagef("unknown command %q\nhint: use %s", args[0], strings.Join(known, ", "))
}

// lsnsFlags has flags of lsns be those of ours that do the same.
func lsnsFlags(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name {
	case "noheadings":
		name = "no-headers"
	case "task":
		name = "pid"
	}
	return pflag.NormalizedName(name)
}

// joinTimes joins a time to the flag before it where that may stand alone, as in -w 5s and
// --watch 5s, which pflag takes for an argument, and -w5s.
func joinTimes(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil || cmd == root {
		return args
	}
	flags := cmd.Flags()
	flags.AddFlagSet(root.PersistentFlags())
	var all []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(all, args[i:]...)
		}
		switch flag, value := flagAt(flags, arg); {
		case flag == nil:
		case flag.NoOptDefVal == "" && value < 0: // its value follows
			if i++; i < len(args) {
				all = append(all, arg)
				arg = args[i]
			}
		case flag.NoOptDefVal == "" || flag.Value.Type() != "string":
		case value < 0 && i+1 < len(args) && digitAt(args[i+1], 0):
			i++
			arg += "=" + args[i]
		case value >= 0 && digitAt(arg, value):
			arg = arg[:value] + "=" + arg[value:]
		}
		all = append(all, arg)
	}
	return all
}

// firstWords returns the words that a command line begins with, after flags of the root.
func firstWords(root *cobra.Command, args []string) []string {
	for i := 0; i < len(args); i++ {
		switch flag, value := flagAt(root.PersistentFlags(), args[i]); {
		case flag == nil && strings.HasPrefix(args[i], "-"):
			return nil
		case flag == nil:
			end := i + 1
			for end < len(args) && !strings.HasPrefix(args[end], "-") {
				end++
			}
			return args[i:end]
		case flag.NoOptDefVal == "" && value < 0:
			i++ // its value
		}
	}
	return nil
}

// flagAt returns the flag that an argument ends with, or that takes the rest of it, and
// where that rest begins, -1 without one; nil if it is no flag, or an unknown one.
func flagAt(flags *pflag.FlagSet, arg string) (flag *pflag.Flag, value int) {
	if name, long := strings.CutPrefix(arg, "--"); long {
		name, _, _ := strings.Cut(name, "=")
		if value = len("--") + len(name); value == len(arg) {
			value = -1
		}
		return flags.Lookup(name), value
	}
	if !strings.HasPrefix(arg, "-") || arg == "-" {
		return nil, -1
	}
	for i := 1; i < len(arg); i++ {
		if flag = flags.ShorthandLookup(arg[i : i+1]); flag == nil || i+1 == len(arg) {
			return flag, -1
		}
		if flag.Value.Type() != "bool" {
			return flag, i + 1
		}
	}
	return nil, -1
}

func digitAt(s string, i int) bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }
