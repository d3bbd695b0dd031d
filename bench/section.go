// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// section is one of the parts of the page that are measured: of each kind of machine it
// has a block between two marks.
type section string

const (
	manySection  section = "bench" // many processes
	startSection section = "start" // a small host
	traceSection section = "trace"
)

func (s section) begin(kind string) string { return fmt.Sprintf("<!-- %s:begin %s -->", s, kind) }
func (s section) end(kind string) string   { return fmt.Sprintf("<!-- %s:end %s -->", s, kind) }

// last is the mark of a section's end, before which the blocks of kinds stand that are
// not there yet.
func (s section) last() string { return fmt.Sprintf("<!-- %s:last -->", s) }

// newPage is what a page starts with that is not there yet.
func newPage() string {
	return "# Performance\n\nMeasured by `make bench`, which rewrites what is below.\n\n" +
		manySection.last() + "\n\n" + startSection.last() + "\n\n" + traceSection.last() + "\n"
}

// rewriteFile puts body into a file, as the block of a section for a kind of machine.
func (s section) rewriteFile(path, kind, body string) error {
	page, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		page, err = []byte(newPage()), nil
	}
	if err != nil {
		return err
	}
	text, err := s.rewrite(string(page), kind, body)
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// rewrite puts body between the marks of a kind, which are made if there are none, and
// leaves all else as it is.
func (s section) rewrite(page, kind, body string) (string, error) {
	begin, end := s.begin(kind), s.end(kind)
	block := begin + "\n" + strings.TrimRight(body, "\n") + "\n" + end
	if !strings.Contains(page, begin) && !strings.Contains(page, end) {
		if strings.Count(page, s.last()) != 1 {
			return "", fmt.Errorf("expected one %s", s.last())
		}
		return strings.Replace(page, s.last(), block+"\n\n"+s.last(), 1), nil
	}
	if strings.Count(page, begin) != 1 || strings.Count(page, end) != 1 {
		return "", fmt.Errorf("expected one %s and one %s", begin, end)
	}
	before, rest, _ := strings.Cut(page, begin)
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("%s comes before %s", end, begin)
	}
	return before + block + after, nil
}
