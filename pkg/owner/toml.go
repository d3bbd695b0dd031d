// SPDX-License-Identifier: Apache-2.0

package owner

import "strings"

// tomlString returns a string of a TOML file: that of a key in a table, "" being
// the top. It reads what runtimes' configurations have there, a quoted string on
// one line; of anything else it returns "".
func tomlString(text []byte, table, key string) string {
	at := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			name, _, _ = strings.Cut(name, "]")
			at = strings.TrimSpace(name)
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || at != table || strings.Trim(strings.TrimSpace(name), `"'`) != key {
			continue
		}
		value = strings.TrimSpace(value)
		if value == "" || value[0] != '"' && value[0] != '\'' {
			return ""
		}
		value, _, ok = strings.Cut(value[1:], value[:1])
		if !ok || strings.Contains(value, `\`) || strings.Contains(value, "$") {
			return "" // no path that it would be worth to decode
		}
		return value
	}
	return ""
}
