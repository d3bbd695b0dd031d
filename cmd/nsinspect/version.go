// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/wire"
)

func versionCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "print the version",
		Example: "  nsinspect version\n  nsinspect version -o json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("version takes no arguments, got %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			format, err := parseFormat(output, render.Table, render.JSON, render.YAML)
			if err != nil {
				return err
			}
			info, _ := debug.ReadBuildInfo() // nil, where there is none
			return render.Version(cmd.OutOrStdout(), wire.NewVersion(info), format)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "`FORMAT`: table, one line; json or yaml")
	completeFlags(cmd, map[string]words{"output": oneOf("table", "json", "yaml")})
	return cmd
}
