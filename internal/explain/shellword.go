// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/nsinspect/nsinspect/internal/text"
)

// ShellWord quotes a word for a shell, if it needs it: in single quotes, or as
// bash, ksh and zsh read it where a character cannot be printed as it is.
func ShellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,=", r)
	}
	switch {
	case s != "" && strings.TrimFunc(s, plain) == "":
		return s
	case !utf8.ValidString(s) || strings.ContainsFunc(s, text.Hidden):
		return "$'" + strings.ReplaceAll(escapeWord(s), `'`, `\'`) + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// escapeWord writes what is not printable ASCII as \xNN, byte by byte.
func escapeWord(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
