// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

func typeWords() []string {
	var all []string
	for _, t := range ns.Types() {
		all = append(all, t.String())
	}
	return append(all, "all")
}

// oneType completes with a type of namespace.
func oneType(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return typeWords()[:ns.NumTypes], cobra.ShellCompDirectiveNoFileComp
}

// oneKind completes with a kind of holder.
func oneKind(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return kindWords(), cobra.ShellCompDirectiveNoFileComp
}

func kindWords() []string {
	var all []string
	for _, k := range ns.Kinds() {
		all = append(all, k.String())
	}
	return all
}
