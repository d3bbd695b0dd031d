// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/resolve"
)

// mostRefs is how many references are read from stdin.
const mostRefs = 100_000

// parseRefs reads references; - stands for those on stdin, one per line. It returns nil for
// none.
func (a *app) parseRefs(args []string) (refs []resolve.Ref, err error) {
	var words []string
	for _, arg := range args {
		if arg != "-" {
			words = append(words, arg)
			continue
		}
		if words, err = a.readRefs(words); err != nil {
			return nil, err
		}
		if len(words) == 0 {
			return nil, usagef("no reference on stdin\nhint: - reads them from there, one per line")
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

// readRefs appends the words on stdin, each once.
func (a *app) readRefs(words []string) ([]string, error) {
	seen := map[string]bool{}
	lines := bufio.NewScanner(a.stdin)
	for n := 1; lines.Scan(); n++ {
		if n > mostRefs {
			return nil, usagef("more than %s lines on stdin\nhint: list all, with --filter", text.Count(mostRefs))
		}
		if word := strings.TrimSpace(lines.Text()); word != "" && !seen[word] {
			seen[word] = true
			words = append(words, word)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, usagef("a line of %d bytes or more on stdin is not a reference\nhint: - reads them from there, one per line", bufio.MaxScanTokenSize)
	case err != nil:
		return nil, fmt.Errorf("read references from stdin: %w", err)
	}
	return words, nil
}
