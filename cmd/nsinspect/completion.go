// SPDX-License-Identifier: Apache-2.0

package main

import (
	"embed"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// The completion scripts of the shells. Cobra's evaluate what is on the line, and with
// it what strangers have called their files: these do not.
//
//go:embed completion
var completionScripts embed.FS

// completionHelp returns how the script of a shell is used, and where it is read without being
// asked for; nothing if there is no script of ours.
func completionHelp(shell string) (use, file string) {
	switch shell {
	case "bash":
		return "source <(nsinspect completion bash)", "/usr/share/bash-completion/completions/nsinspect"
	case "zsh":
		return "source <(nsinspect completion zsh)", "/usr/share/zsh/vendor-completions/_nsinspect"
	case "fish":
		return "nsinspect completion fish | source", "/usr/share/fish/vendor_completions.d/nsinspect.fish"
	}
	return "", ""
}

// ownScript has a command that cobra made for a shell print our script, and removes one that
// has none: cobra's evaluates what is on the line.
func ownScript(shell *cobra.Command) {
	use, file := completionHelp(shell.Name())
	if use == "" {
		shell.Parent().RemoveCommand(shell)
		return
	}
	shell.Long = fmt.Sprintf("Print the completion script of %s. To use it in this shell:\n\n  %s\n\nThe packages install it as\n%s.",
		shell.Name(), use, file)
	shell.RunE = func(cmd *cobra.Command, _ []string) error {
		plain, err := cmd.Flags().GetBool("no-descriptions")
		if err != nil {
			return err
		}
		return writeCompletion(cmd.OutOrStdout(), shell.Name(), !plain)
	}
}

// writeCompletion writes the completion script of a shell.
func writeCompletion(w io.Writer, shell string, descriptions bool) error {
	script, err := completionScripts.ReadFile("completion/" + shell)
	if err != nil {
		return err
	}
	text := string(script)
	if !descriptions {
		text = strings.NewReplacer(" __complete ", " __completeNoDesc ", " __complete-bash ", " __complete-bash --no-descriptions ").Replace(text)
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write completion script: %w", err)
	}
	return nil
}
