// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/resolve"
)

// mostRefs is how many references are read from stdin.
const mostRefs = 100_000

// parseRefs reads references; - stands for those on stdin, one a line. It returns nil for
// none.
func (a *app) parseRefs(args []string) (refs []resolve.Ref, err error) {
	var words []string
	for _, arg := range args {
		if arg != "-" {
			words = append(words, arg)
			continue
		}
		lines := bufio.NewScanner(a.stdin)
		for lines.Scan() && len(words) < mostRefs {
			if word := strings.TrimSpace(lines.Text()); word != "" {
				words = append(words, word)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read references from stdin: %w", err)
		}
		if len(words) == 0 {
			return nil, usagef("no reference on stdin\nhint: - reads them from there, one a line")
		}
	}
	for _, word := range words {
		ref, err := resolve.ParseRef(word)
		if err != nil {
			return nil, usageError{error: err}
		}
		refs = append(refs, ref)
	}
	return refs, nil
}
