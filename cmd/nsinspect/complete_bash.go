// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/text"
)

// bashLine is a command line in bash, up to the cursor. Nothing in it is expanded.
type bashLine struct {
	words []string // without quotes; the last one is being typed
	quote byte     // that is open around it: ', " or 0
	// stable is how much of the last word, without quotes, readline leaves as it is: all
	// up to the last character that breaks words outside of quotes.
	stable int
	file   bool // the last word is what > or < is followed by
}

// parseBashLine reads a line. breaks is COMP_WORDBREAKS.
func parseBashLine(line, breaks string) (l bashLine) {
	var word []byte
	inWord, before := false, 0
	end := func() {
		if inWord {
			if !l.file {
				l.words = append(l.words, string(word))
			}
			word, inWord, l.stable, l.file = nil, false, 0, false
		}
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case l.quote == '\'' && c == '\'', l.quote == '"' && c == '"':
			l.quote, l.stable = 0, before
		case l.quote == '\'':
			word = append(word, c)
		case c == '\\' && (l.quote == 0 || i+1 < len(line) && strings.IndexByte("$`\"\\", line[i+1]) >= 0):
			inWord = true
			if i++; i < len(line) {
				word = append(word, line[i])
			}
		case l.quote == '"':
			word = append(word, c)
		case c == '\'' || c == '"':
			l.quote, inWord, before, l.stable = c, true, l.stable, len(word)
		case c == ' ' || c == '\t' || c == '\n':
			end()
		case c == '>' || c == '<':
			if strings.Trim(string(word), "0123456789&<>") == "" { // 2> is no word
				word, inWord = nil, false
			}
			end()
			l.file = true
		default:
			word = append(word, c)
			inWord = true
			if strings.IndexByte(breaks, c) >= 0 {
				l.stable = len(word)
			}
		}
	}
	l.words = append(l.words, string(word))
	return l
}

// reply returns what readline is to put in the place of what it takes for the word, ""
// for what does not complete it or cannot be quoted.
func (l *bashLine) reply(word string) string {
	typed := l.words[len(l.words)-1]
	if !strings.HasPrefix(word, typed) || !offered(word) {
		return ""
	}
	rest := word[min(l.stable, len(word)):]
	if l.quote != 0 {
		return rest // what offered has passed means nothing inside quotes
	}
	var b strings.Builder
	for i := range len(rest) {
		if strings.IndexByte(plain+",", rest[i]) < 0 && rest[i] < 0x80 || rest[i] == '~' {
			b.WriteByte('\\')
		}
		b.WriteByte(rest[i])
	}
	return b.String()
}

// The values of COMP_TYPE with which readline shows the words, and inserts none.
var bashShows = []string{"63", "33", "64"} // ?, ! and @

// completeBashCommand is what the completion script of bash runs. What it prints first is
// "nospace", "files" or nothing, then one word a line.
func (a *app) completeBashCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "__complete-bash COMP_TYPE COMP_WORDBREAKS COLUMNS LINE",
		Hidden:             true,
		DisableFlagParsing: true,
		PersistentPreRunE:  func(*cobra.Command, []string) error { return nil },
		RunE: func(cmd *cobra.Command, args []string) error {
			request := cobra.ShellCompRequestCmd
			if len(args) > 0 && args[0] == "--no-descriptions" {
				request, args = cobra.ShellCompNoDescRequestCmd, args[1:]
			}
			if len(args) != 4 {
				return usagef("missing line to complete\nhint: the script of nsinspect completion bash runs this")
			}
			width, err := strconv.Atoi(args[2])
			if err != nil {
				return usagef("bad width %q", args[2])
			}
			if !slices.Contains(bashShows, args[0]) {
				request = cobra.ShellCompNoDescRequestCmd
			}
			return completeBash(cmd.Context(), cmd.OutOrStdout(), parseBashLine(args[3], args[1]), request, width)
		},
	}
}

func completeBash(ctx context.Context, w io.Writer, l bashLine, request string, width int) error {
	if l.file || len(l.words) < 2 {
		_, err := io.WriteString(w, "files\n")
		return err
	}
	words, directive, err := askWords(ctx, append([]string{request}, l.words[1:]...))
	if err != nil {
		return err
	}
	typed := l.words[len(l.words)-1]
	flag := "" // that the word begins with, as --type=
	if name, _, ok := strings.Cut(typed, "="); ok && strings.HasPrefix(name, "-") {
		flag = name + "="
	}
	var replies [][2]string
	for _, word := range words {
		if r := l.reply(flag + word[0]); r != "" {
			replies = append(replies, [2]string{r, word[1]})
		}
	}
	first := ""
	switch {
	case len(replies) == 0 && directive&cobra.ShellCompDirectiveFilterDirs != 0:
		first = "directories"
	case len(replies) == 0 && directive&cobra.ShellCompDirectiveNoFileComp == 0:
		first = "files"
	case directive&cobra.ShellCompDirectiveNoSpace != 0:
		first = "nospace"
	}
	return writeReplies(w, first, replies, width)
}

// askWords returns what completes the last of the words, as every other shell gets it:
// each with what it stands for.
func askWords(ctx context.Context, args []string) (words [][2]string, directive cobra.ShellCompDirective, err error) {
	var out bytes.Buffer
	cmd := (&app{args: args, stdin: strings.NewReader(""), stdout: &out, stderr: io.Discard}).command()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	if err := cmd.ExecuteContext(ctx); err != nil {
		return nil, 0, err
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for _, line := range lines[:len(lines)-1] {
		word, about, _ := strings.Cut(line, "\t")
		words = append(words, [2]string{word, strings.ReplaceAll(about, "`", "")}) // as of `TYPE`
	}
	number, err := strconv.Atoi(strings.TrimPrefix(lines[len(lines)-1], ":"))
	if err != nil {
		return nil, 0, fmt.Errorf("read directive: %w", err)
	}
	return words, cobra.ShellCompDirective(number), nil
}

// writeReplies writes words, and what they stand for where there are several: a single
// one is inserted as it is. No line is wider than the terminal.
func writeReplies(w io.Writer, first string, replies [][2]string, width int) error {
	most := 0
	for _, r := range replies {
		most = max(most, text.Width(r[0]))
	}
	var b strings.Builder
	b.WriteString(first + "\n")
	for _, r := range replies {
		b.WriteString(r[0])
		if room := width - most - 6; len(replies) > 1 && r[1] != "" && room > 0 {
			b.WriteString(strings.Repeat(" ", most-text.Width(r[0])) + "  (" + text.Cut(r[1], room) + ")")
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
