// SPDX-License-Identifier: Apache-2.0

package explain

import "testing"

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"":               "''",
		"/run/netns/b-1": "/run/netns/b-1",
		"two words":      "'two words'",
		"it's":           `'it'\''s'`,
		"$(id)":          "'$(id)'",
		"`id`":           "'`id`'",
		"=ls":            "'=ls'",
		"~":              "'~'",
		"!!":             "'!!'",
	} {
		if got, ok := shellWord(word); got != want || !ok {
			t.Errorf("word %q is %s, want %s", word, got, want)
		}
	}
	for _, word := range []string{"größe", "a\nb", "\x1b[31m", "\xff", "\x7f", "a\tb", "\u3164"} {
		if got, ok := shellWord(word); ok {
			t.Errorf("word %q is %s, want none", word, got)
		}
		if got := command("rm -- %s", word); got != "" {
			t.Errorf("command %s with the word %q, want none", got, word)
		}
	}
}
