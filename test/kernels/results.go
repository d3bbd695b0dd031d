// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/internal/testreport"
)

// test is one test, or one of its subtests, as its binary reported it.
type test struct {
	name   string
	word   string // PASS, FAIL or SKIP
	took   float64
	output []string
}

var (
	framing = regexp.MustCompile(`^=== (?:RUN|PAUSE|CONT|NAME)\s+(\S*)`)
	verdict = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+)s\)`)
)

// parseTests reads what a test binary prints with -test.v=test2json, which marks
// its own lines with ^V.
func parseTests(output []byte) []*test {
	byName := map[string]*test{}
	var order []*test
	at := func(name string) *test {
		if byName[name] == nil {
			byName[name] = &test{name: name}
			order = append(order, byName[name])
		}
		return byName[name]
	}
	var current *test
	for line := range strings.Lines(strings.ReplaceAll(string(output), "\x16", "\n")) {
		line = strings.TrimRight(line, "\n")
		if m := framing.FindStringSubmatch(line); m != nil {
			current = nil // between tests
			if m[1] != "" {
				current = at(m[1])
			}
		} else if m := verdict.FindStringSubmatch(line); m != nil {
			current = at(m[2])
			current.word = m[1]
			current.took, _ = strconv.ParseFloat(m[3], 64) // digits and a dot
		} else if current != nil && strings.TrimSpace(line) != "" {
			current.output = append(current.output, line)
		}
	}
	return order
}

// job is one thing that the guest ran.
type job struct {
	name   string
	output []byte
	status int // of its process; -1: it did not end
}

// parseJobs takes the results apart: "@@begin NAME", output, "@@end NAME STATUS".
func parseJobs(results []byte) []job {
	var all []job
	for _, part := range bytes.Split(results, []byte("@@begin "))[1:] {
		name, rest, _ := bytes.Cut(part, []byte("\n"))
		j := job{name: string(name), output: rest, status: -1}
		end := []byte("@@end " + j.name + " ")
		if i := bytes.LastIndex(rest, end); i >= 0 {
			word, _, _ := strings.Cut(string(rest[i+len(end):]), "\n")
			if n, err := strconv.Atoi(word); err == nil {
				j.output, j.status = rest[:i], n
			}
		}
		all = append(all, j)
	}
	return all
}

// report is what one boot showed.
type report struct {
	release string             // as uname -r prints it
	facts   []string           // what is held against the expectation
	failed  []string           // what is wrong, whatever was expected
	tests   testreport.Summary // of all suites
	lines   []string
}

// newReport reads the results of the jobs that were to run.
func newReport(results []byte, suites []suite) report {
	var r report
	jobs := parseJobs(results)
	for _, name := range append([]string{"probe", "modes"}, dirs(suites)...) {
		i := slices.IndexFunc(jobs, func(j job) bool { return j.name == name })
		switch {
		case i < 0:
			r.failed = append(r.failed, name+" did not run")
		case name == "probe", name == "modes":
			r.probe(jobs[i])
		default:
			r.suite(jobs[i])
		}
	}
	slices.Sort(r.facts[len(r.facts)-len(r.tests.Skipped):])
	return r
}

func dirs(suites []suite) []string {
	var all []string
	for _, s := range suites {
		all = append(all, s.dir)
	}
	return all
}

func (r *report) probe(j job) {
	for line := range strings.Lines(string(j.output)) {
		line = strings.TrimSpace(line)
		if release, ok := strings.CutPrefix(line, "release: "); ok {
			r.release = release
		} else if line != "" {
			r.facts = append(r.facts, line)
		}
	}
	if j.status != 0 {
		r.failed = append(r.failed, fmt.Sprintf("%s ended with status %d", j.name, j.status))
	}
}

func (r *report) suite(j job) {
	var passed, skipped, broken int
	var took float64
	var slow strings.Builder
	for _, t := range parseTests(j.output) {
		if !strings.Contains(t.name, "/") {
			took += t.took
			if t.took > 10 {
				fmt.Fprintf(&slow, ", %s %.0f s", t.name, t.took)
			}
		}
		output := strings.Join(t.output, "\n")
		r.tests.Add(testreport.Test{Package: j.name, Name: t.name}, strings.ToLower(t.word), output)
		switch t.word {
		case "PASS":
			passed++
		case "SKIP":
			skipped++
			r.facts = append(r.facts, fmt.Sprintf("skip %s %s: %s", j.name, t.name, testreport.Reason(output)))
		default:
			broken++
			r.failed = append(r.failed, strings.Join(append([]string{fmt.Sprintf("%s %s failed", j.name, t.name)}, ends(t.output)...), "\n\t"))
		}
	}
	if j.status != 0 && broken == 0 || passed == 0 {
		text := tail(strings.Split(string(j.output), "\n"), 40)
		r.failed = append(r.failed, fmt.Sprintf("%s ended with status %d, %d tests passed\n\t%s", j.name, j.status, passed, strings.Join(text, "\n\t")))
	}
	r.lines = append(r.lines, fmt.Sprintf("%-19s %4.0f s, %3d passed, %d failed, %d skipped%s", j.name, took, passed, broken, skipped, slow.String()))
}

// ends returns the beginning and the end of what may be long: a panic prints first
// what it is.
func ends(lines []string) []string {
	if len(lines) <= 40 {
		return lines
	}
	return slices.Concat(lines[:15], []string{"..."}, tail(lines, 25))
}

func tail(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }

// differences compares what was found with what was expected, line by line.
func differences(expected, got []string) []string {
	var all []string
	for _, line := range expected {
		if !slices.Contains(got, line) {
			all = append(all, "expected and not found: "+line)
		}
	}
	for _, line := range got {
		if !slices.Contains(expected, line) {
			all = append(all, "found and not expected: "+line)
		}
	}
	return all
}
