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
	sectionBegin + "\n" + sectionEnd + "\n\n" + startBegin + "\n" + startEnd + "\n\n" + traceBegin + "\n" + traceEnd + "\n"

// The marks of what `bench trace` writes.
const (
	traceBegin = "<!-- trace:begin -->"
	traceEnd   = "<!-- trace:end -->"
)

// The marks of what `bench start` writes.
const (
	startBegin = "<!-- start:begin -->"
	startEnd   = "<!-- start:end -->"
)

// rewriteFile puts body between two marks of a file.
func rewriteFile(path, begin, end, body string) error {
	page, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		page, err = []byte(newPage), nil
	}
	if err != nil {
		return err
	}
	text, err := rewrite(string(page), begin, end, body)
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// rewrite puts body between the marks of a page, which must have exactly one
// pair, and leaves all else as it is.
func rewrite(page, begin, end, body string) (string, error) {
	if strings.Count(page, begin) != 1 || strings.Count(page, end) != 1 {
		return "", fmt.Errorf("expected one %s and one %s", begin, end)
	}
	before, rest, _ := strings.Cut(page, begin)
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("%s comes before %s", end, begin)
	}
	return before + begin + "\n" + strings.TrimRight(body, "\n") + "\n" + end + after, nil
}
