// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// below is a command below the root one, with the words that it is called by.
type below struct {
	words []string
	build func() *cobra.Command
}

func (a *app) commands() []below {
	return []below{
		{[]string{"list", "ls"}, a.listCommand},
		{[]string{"who-uses"}, a.whoUsesCommand},
		{[]string{"doctor"}, a.doctorCommand},
		{[]string{"snapshot"}, a.snapshotCommand},
		{[]string{"diff"}, a.diffCommand},
		{[]string{"leaks"}, a.leaksCommand},
		{[]string{"exec"}, a.execCommand},
		{[]string{"name"}, a.nameCommand},
		{[]string{"trace"}, a.traceCommand},
		{[]string{"version"}, versionCommand},
		{[]string{"__complete-bash"}, a.completeBashCommand},
	}
}

// commandFor returns the root command with no other below it than the one that arguments
// begin with. That and its flags take a tenth of the memory, and so of the page faults, of
// all. Where they begin with a flag, or with no command of ours, it returns all.
func (a *app) commandFor(args []string) *cobra.Command {
	for _, c := range a.commands() {
		if len(args) > 0 && slices.Contains(c.words, args[0]) {
			root := a.rootCommand()
			root.CompletionOptions.DisableDefaultCmd = true
			root.AddCommand(c.build())
			return root
		}
	}
	return a.command()
}

// command returns the root command with all others below it.
func (a *app) command() *cobra.Command {
	root := a.rootCommand()
	for _, c := range a.commands() {
		root.AddCommand(c.build())
	}
	strictHelpers(root)
	return root
}

// strictHelpers has the commands that cobra adds refuse wrong arguments as ours do.
func strictHelpers(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				switch found, rest, err := root.Find(args); {
				case err != nil || found == root:
					return unknownCommand(root, args)
				case len(rest) > 0:
					return usagef("help takes one command, got %q after it\nhint: use %s --help", rest[0], found.CommandPath())
				}
				return nil
			}
		case "completion":
			c.Args = unknownCommand
			c.RunE = func(*cobra.Command, []string) error {
				return usagef("missing shell\nhint: use bash, fish or zsh")
			}
			for _, shell := range c.Commands() {
				ownScript(shell)
				shell.Args = func(shell *cobra.Command, args []string) error {
					if len(args) > 0 {
						return usagef("%s takes no arguments, got %q", shell.CommandPath(), args[0])
					}
					return nil
				}
			}
		}
	}
}
