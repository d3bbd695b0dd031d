// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"
)

// shellWord quotes a word for a POSIX shell, if it needs it. It reports false for a word
// that cannot be pasted into any shell as it is: one with a byte that is not printable
// ASCII.
func shellWord(s string) (word string, ok bool) {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,=", r)
	}
	switch {
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }):
		return "", false
	case s != "" && s[0] != '=' && strings.TrimFunc(s, plain) == "": // zsh replaces =cat by its path
		return s, true
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'", true
}

// Words returns words as a shell takes them, or a placeholder where one of them cannot be written.
func Words(words []string, placeholder string) string {
	if all := command(strings.TrimSuffix(strings.Repeat("%s ", len(words)), " "), words...); all != "" {
		return all
	}
	return placeholder
}

// command returns a shell command with quoted words in place of each %s, "" if one of
// them cannot be written.
func command(format string, words ...string) string {
	quoted := make([]any, len(words))
	for i, w := range words {
		q, ok := shellWord(w)
		if !ok {
			return ""
		}
		quoted[i] = q
	}
	return fmt.Sprintf(format, quoted...)
}
