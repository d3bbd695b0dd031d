// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestProblemsMatchScript fails if docs/problems.md and the script that makes its
// transcripts have drifted apart, or the page shows what no command has.
func TestProblemsMatchScript(t *testing.T) {
	page, err := os.ReadFile("../../docs/problems.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("problems.sh")
	if err != nil {
		t.Fatal(err)
	}
	var shown, made []string
	for _, m := range regexp.MustCompile("(?m)^<!-- ([a-z]+) -->\n```console\n# ").FindAllStringSubmatch(string(page), -1) {
		shown = append(shown, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^\tb ([a-z]+)`).FindAllStringSubmatch(string(script), -1) {
		made = append(made, m[1])
	}
	slices.Sort(shown)
	slices.Sort(made)
	if !slices.Equal(shown, made) || strings.Count(string(page), "<!-- ") != len(shown) {
		t.Errorf("the page has the transcripts %v, the script makes %v: run internal/gendocs/problems.sh as root", shown, made)
	}
	known := map[string]bool{}
	for _, h := range tree(t, program(t)) {
		for _, flag := range h.flags {
			known[flag] = true
		}
	}
	for _, line := range strings.Split(string(page), "\n") {
		if _, command, ok := strings.Cut(line, "# nsinspect "); ok {
			for _, flag := range flagWord.FindAllString(command, -1) {
				if !known[flag] {
					t.Errorf("the page has %s, which is a flag of no command", flag)
				}
			}
		}
	}
}

// TestProblemsHeadings fails if the list at the top of the page leads nowhere.
func TestProblemsHeadings(t *testing.T) {
	page, err := os.ReadFile("../../docs/problems.md")
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`(?m)^\* \[(.*)\]\(#(.*)\)$`).FindAllStringSubmatch(string(page), -1)
	if len(links) < 9 {
		t.Fatalf("only %d problems in the list", len(links))
	}
	for _, m := range links {
		anchor := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		if !strings.Contains(string(page), "\n## "+m[1]+"\n") || strings.ReplaceAll(anchor, " ", "-") != m[2] {
			t.Errorf("%q leads to #%s, which is no heading", m[1], m[2])
		}
	}
}
