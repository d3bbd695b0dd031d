// SPDX-License-Identifier: Apache-2.0

package text

import (
	"regexp"
	"sync"
)

// Pattern is the text of a regular expression that is compiled when it is first used, not at the
// start of every command, where even a variable for it would be initialized.
type Pattern struct {
	Text string

	once     sync.Once
	compiled *regexp.Regexp
}

// Compiled returns the regular expression. It panics if the text is none.
func (p *Pattern) Compiled() *regexp.Regexp {
	p.once.Do(func() { p.compiled = regexp.MustCompile(p.Text) })
	return p.compiled
}
