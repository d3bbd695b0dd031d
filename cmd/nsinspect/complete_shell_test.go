// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/internal/need"
)

// hostileNames are names a part of which a shell that evaluates them executes.
var hostileNames = []string{"x;touch y", "$(touch x)", "`touch z`", "a\nb", "|touch x", "x&touch y", "'", `"`, "!!", "*", "x>y", "\x1b[31mred", "{x,y}"}

// TestCompletionInShells completes words in every shell, at a terminal.
func TestCompletionInShells(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			x := startShell(t, shell, sourced(shell), append([]string{"blue", "red1", "red2", "two words", "größe"}, hostileNames...)...)
			archive, err := os.ReadFile(filepath.Join(repo, "testdata/machines/node.txtar"))
			if err != nil {
				t.Fatal(err)
			}
			if err := hosttest.Unpack(filepath.Join(x.dir, "node"), archive); err != nil {
				t.Fatal(err)
			}
			more := "" // behind one word of several with commas
			if shell.name == "fish" {
				more = " " // whatever is there: it knows no other way
			}
			for _, c := range []struct{ keys, line string }{
				{"nsinspect who-\t", "nsinspect who-uses "},
				{"nsinspect who-uses blu\t", "nsinspect who-uses blue "},
				{"nsinspect who-uses blue re\t", "nsinspect who-uses blue red"},
				{"nsinspect list red1\t", "nsinspect list red1 "},
				{"nsinspect exec blu\t", "nsinspect exec blue "},
				{"nsinspect trace --ns blu\t", "nsinspect trace --ns blue "},
				{"nsinspect list --name blu\t", "nsinspect list --name blue "},
				{"nsinspect who-uses grö\t", "nsinspect who-uses größe "},

				// Words with characters that break words, or mean something to a shell.
				{"nsinspect who-uses tw\t", `nsinspect who-uses two\ words `},
				{`nsinspect who-uses two\ w` + "\t", `nsinspect who-uses two\ words `},
				{"nsinspect who-uses 'two w\t", "nsinspect who-uses 'two words' "},
				{"nsinspect who-uses \"two w\t", `nsinspect who-uses "two words" `},
				{"nsinspect who-uses 'two words' blu\t", "nsinspect who-uses 'two words' blue "},
				{"nsinspect who-uses --root node docker:we\t", "nsinspect who-uses --root node docker:web "},
				{"nsinspect who-uses --root node pod:d\t", "nsinspect who-uses --root node pod:default/web-1 "},
				{"nsinspect list --root node --owner docker:we\t", "nsinspect list --root node --owner docker:web "},
				{"nsinspect who-uses --root node net:" + map[string]string{"zsh": `\`}[shell.name] + "[4026532106\t", `nsinspect who-uses --root node net:\[4026532106\] `},
				{"nsinspect who-uses --root node 4026532106\t", "nsinspect who-uses --root node 4026532106 "},
				{"nsinspect who-uses --root=node cni-w\t", "nsinspect who-uses --root=node cni-web "},

				// Words of flags, apart, after =, and several with commas.
				{"nsinspect list --typ\t", "nsinspect list --type "},
				{"nsinspect list --type m\t", "nsinspect list --type mnt" + more},
				{"nsinspect list --type=m\t", "nsinspect list --type=mnt" + more},
				{"nsinspect list --type net,m\t", "nsinspect list --type net,mnt" + more},
				{"nsinspect list --type=net,m\t", "nsinspect list --type=net,mnt" + more},
				{"nsinspect list --columns IN\t", "nsinspect list --columns INODE" + more},
				{"nsinspect list --columns INODE,NA\t", "nsinspect list --columns INODE,NAMES" + more},
				{"nsinspect list -t u\t", "nsinspect list -t u"},
				{"nsinspect list -o c\t", "nsinspect list -o csv "},
				{"nsinspect list --kept-by so\t", "nsinspect list --kept-by socket "},
				{"nsinspect who-uses --dev l\t", "nsinspect who-uses --dev lo "},
				{"nsinspect who-uses --ip 127.0.0.\t", "nsinspect who-uses --ip 127.0.0.1 "},
				{"nsinspect list --filter 'procs == 0 and cook\t", "nsinspect list --filter 'procs == 0 and cookie" + map[string]string{"fish": "' ", "bash": "'"}[shell.name]},

				// Paths are the shell's own.
				{"nsinspect who-uses /run/netns/blu\t", "nsinspect who-uses /run/netns/blue "},
				{"nsinspect list --root nod\t", "nsinspect list --root node/"},
				{"nsinspect exec blue -- /run/netns/blu\t", "nsinspect exec blue -- /run/netns/blue "},
				{"nsinspect list >no\t", "nsinspect list >node/"},

				// In the middle of the line.
				{"nsinspect who-uses blu red1\x1bb\x02\t", "nsinspect who-uses blue " + map[string]string{"zsh": " "}[shell.name] + "red1"},

				// Nothing to complete with.
				{"nsinspect who-uses nosuch\t", "nsinspect who-uses nosuch"},
				{"nsinspect nosuch x\t", "nsinspect nosuch x"},
			} {
				x.completes(c.keys, c.line)
			}
		})
	}
}

// sourced has a shell read its script, as a user does who has no package installed.
func sourced(shell interactive) string { return "source %s/" + shell.script }

// TestCompletionShown looks at what a shell shows where there are several words.
func TestCompletionShown(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			x := startShell(t, shell, sourced(shell), append([]string{"blue", "red"}, hostileNames...)...)
			x.offers("nsinspect list -o \t\t", []string{"csv", "json", "name", "table", "wide", "yaml"}, "blue")
			x.offers("nsinspect who-uses \t\t", []string{"blue", "net:[", "host", "the machine's own namespace"}, "touch", "31m", "!!")
			// Process 1 is the shell itself, in its PID namespace. If all begin with 1, the first
			// key inserts that.
			x.offers("nsinspect who-uses pid:\t\t\t", []string{"1 ", shell.name})
			x.offers("nsinspect who-uses --ip \t\t", []string{"127.0.0.1"}, "blue")
			x.offers("nsinspect who-uses --i\t\t", []string{"--ip"}, "`")
		})
	}
}

// TestCompletionEvaluatesNothing presses the key on lines that execute something when
// they are evaluated: names that were completed by path, and what was typed.
func TestCompletionEvaluatesNothing(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			x := startShell(t, shell, sourced(shell), hostileNames...)
			x.press("nsinspect who-uses \t\t")
			for _, name := range hostileNames {
				if strings.ContainsAny(name, "\n\x1b") {
					continue
				}
				for _, quoted := range []string{"'" + strings.ReplaceAll(name, "'", `'\''`) + "'", regexp.MustCompile("([^a-z])").ReplaceAllString(name, `\$1`)} {
					x.press("nsinspect who-uses " + quoted + " \t")
					x.press("nsinspect who-uses " + quoted + "\t")
					x.press("nsinspect who-uses /run/netns/" + quoted + " \t")
				}
			}
			typed := []string{"$(touch x) ", "`touch x` ", "x; touch x ", "'$(touch x) ", "--type=$(touch x) ", "<(touch x) ", "(touch x) "}
			if shell.name != "zsh" { // which itself expands what the cursor is in or behind
				typed = append(typed, "\"$(touch x)", "\"$(touch x) ", "\"`touch x` ", "$(touch x)", "--type=$(touch x)")
			}
			for _, t := range typed {
				x.press("nsinspect who-uses " + t + "\t")
			}
			x.untouched()
			x.completes("nsinspect who-uses hos\t", "nsinspect who-uses host ")
		})
	}
}

// TestCompletionInstalled has each shell load the script by itself, as from where the
// packages install it.
func TestCompletionInstalled(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			if _, err := os.Stat("/usr/share/bash-completion/bash_completion"); shell.name == "bash" && err != nil {
				need.Missing(t, "needs bash-completion")
			}
			x := startShell(t, shell, shell.load, "blue")
			x.completes("nsinspect who-uses blu\t", "nsinspect who-uses blue ")
			x.completes("nsinspect who-uses blue hos\t", "nsinspect who-uses blue host ")
			if shell.name != "fish" { // which has no words for sudo here
				x.completes("sudo nsinspect who-uses blu\t", "sudo nsinspect who-uses blue ")
			}
			x.completes("nsinspect who-uses 'blu\t", "nsinspect who-uses 'blue' ")
		})
	}
}
