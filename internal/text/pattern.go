// SPDX-License-Identifier: Apache-2.0

package text

import (
	"regexp"
	"sync"
)

// Pattern returns a regular expression that is compiled when it is first used, not at the
// start of every command. It panics then if the text is none.
func Pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
