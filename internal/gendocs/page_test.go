// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"text/template/parse"
)

const (
	pagePath = "../../docs/usage.md"
	again    = "; run go run ./internal/gendocs as root"
)

func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// program builds the real program, as the page does.
func program(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "nsinspect")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", exe, "../../cmd/nsinspect")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build nsinspect: %v\n%s", err, out)
	}
	return exe
}

// help is the help of one command.
type help struct {
	path  string // "list", "completion bash"; "" for the root
	text  string
	flags []string
}

var (
	childLine = regexp.MustCompile(`(?m)^  ([a-z][a-z-]*) {2,}\S`)
	flagWord  = regexp.MustCompile(`--[a-z][a-z-]*`)
	flagLine  = regexp.MustCompile(`(?m)^ {2,6}(?:-\w, )?(--[a-z][a-z-]*)`)
)

// tree asks the program for every command, by its own help.
func tree(t *testing.T, exe string, path ...string) []help {
	t.Helper()
	out, err := exec.Command(exe, append(path, "--help")...).Output()
	if err != nil {
		t.Fatalf("nsinspect %s --help: %v", strings.Join(path, " "), err)
	}
	h := help{path: strings.Join(path, " "), text: string(out)}
	for _, m := range flagLine.FindAllStringSubmatch(h.text, -1) {
		h.flags = append(h.flags, m[1])
	}
	all := []help{h}
	_, rest, _ := strings.Cut(h.text, "Available Commands:\n")
	children, _, _ := strings.Cut(rest, "\n\n")
	for _, m := range childLine.FindAllStringSubmatch(children, -1) {
		if m[1] != "help" { // it describes the others, and has no help of its own
			all = append(all, tree(t, exe, append(path, m[1])...)...)
		}
	}
	return all
}

// The page has a section for every command but those that every program has; flags
// are in the help and the man pages.
func TestPageHasEveryCommand(t *testing.T) {
	page := readPage(t)
	known := []string{"help", "version", "completion"}
	for _, h := range tree(t, program(t)) {
		top, _, _ := strings.Cut(h.path, " ")
		heading := regexp.MustCompile(`(?m)^##+ nsinspect ` + top + `\b`)
		if top != "" && !slices.Contains(known, top) && !heading.MatchString(page) {
			t.Errorf("no section on nsinspect %s", top)
		}
		known = append(known, top)
	}
	for _, m := range regexp.MustCompile(`(?m)^##+ nsinspect ([a-z-]+)`).FindAllStringSubmatch(page, -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("a section on nsinspect %s, which is no command", m[1])
		}
	}
}

// TestPageHasNoUnknownFlag reads what the page recommends.
func TestPageHasNoUnknownFlag(t *testing.T) {
	known := []string{"--help"}
	for _, h := range tree(t, program(t)) {
		known = append(known, h.flags...)
	}
	for _, flag := range flagWord.FindAllString(pageTemplate, -1) {
		if !slices.Contains(known, flag) {
			t.Errorf("the template has %s, which is a flag of no command", flag)
		}
	}
}

// TestPageMatchesTemplate fails if one of the two was edited without the other.
func TestPageMatchesTemplate(t *testing.T) {
	page := readPage(t)
	none := func(string, ...any) string { return "" }
	tmpl, err := template.New("").Funcs(template.FuncMap{"run": none, "user": none}).Parse(pageTemplate)
	if err != nil {
		t.Fatal(err)
	}
	rest := page
	for _, node := range tmpl.Root.Nodes {
		want := ""
		switch node := node.(type) {
		case *parse.TextNode:
			want = string(node.Text)
		case *parse.ActionNode:
			want = commandOf(node)
		}
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("the template has this and the page has not, or not there%s:\n%s", again, want)
		}
		rest = after
	}
}

// commandOf returns the beginning of what a transcript action puts on the page.
func commandOf(node *parse.ActionNode) string {
	args := node.Pipe.Cmds[0].Args
	if len(args) < 2 {
		return ""
	}
	format, ok := args[1].(*parse.StringNode)
	if !ok {
		return ""
	}
	prompt := map[string]string{"run": "# ", "user": "$ "}[args[0].String()]
	literal, _, _ := strings.Cut(format.Text, "%")
	return "```console\n" + prompt + literal
}
