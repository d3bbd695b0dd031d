// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

const (
	sectionBegin = "<!-- bench:begin -->"
	sectionEnd   = "<!-- bench:end -->"
)

// newPage is what a page starts with that is not there yet.
const newPage = "# Performance\n\nMeasured by `make bench`, which rewrites what is below.\n\n" +
	sectionBegin + "\n" + sectionEnd + "\n"

// rewriteFile puts body between the marks of a file.
func rewriteFile(path, body string) error {
	page, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		page, err = []byte(newPage), nil
	}
	if err != nil {
		return err
	}
	text, err := rewrite(string(page), body)
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// rewrite puts body between the marks of a page, which must have exactly one
// pair, and leaves all else as it is.
func rewrite(page, body string) (string, error) {
	if strings.Count(page, sectionBegin) != 1 || strings.Count(page, sectionEnd) != 1 {
		return "", fmt.Errorf("expected one %s and one %s", sectionBegin, sectionEnd)
	}
	before, rest, _ := strings.Cut(page, sectionBegin)
	_, after, ok := strings.Cut(rest, sectionEnd)
	if !ok {
		return "", fmt.Errorf("%s comes before %s", sectionEnd, sectionBegin)
	}
	return before + sectionBegin + "\n" + strings.TrimRight(body, "\n") + "\n" + sectionEnd + after, nil
}
