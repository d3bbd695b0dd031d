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
		"größe":          "'größe'",
		"a\nb":           `$'a\x0ab'`,
		"\x1b[31m'\\":    `$'\x1b[31m\'\x5c'`,
		"\xff":           `$'\xff'`,
	} {
		if got := ShellWord(word); got != want {
			t.Errorf("ShellWord(%q) is %s, want %s", word, got, want)
		}
	}
}
