// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fix is one step of what frees or repairs something.
type Fix struct {
	Command string // one line of POSIX shell, in printable ASCII; "" if there is none that is safe

	verb, object string // what it does: "end", "sleep (pid 42)"
	exact        string // the object as advice has it that stands alone; "" if as in object
	noun         string // what many of these are: "processes"
	more         int    // how many further ones the step is for
	others       string // these: "7 more sockets of sleep (pid 42)"
}

// text returns what the step does, "end sleep (pid 42, started 2026-11-28 09:14:07)".
func (f Fix) text() string { return strings.TrimSpace(f.verb + " " + cmp.Or(f.exact, f.object)) }

// advise returns a step in words that no command does.
func advise(format string, args ...any) Fix {
	return Fix{verb: "", object: fmt.Sprintf(format, args...)}
}

// run returns a step that is best described by its command.
func run(command, noun string) Fix {
	return Fix{Command: command, verb: "run", object: "`" + command + "`", noun: noun}
}

// Commands returns the commands of some steps, in order, each once.
func Commands(fixes []Fix) []string {
	all := list{words: []string{}}
	for i := range fixes {
		if fixes[i].Command != "" {
			all.once(fixes[i].Command)
		}
	}
	return all.words
}

// Advice returns a sentence for each step that has no command.
func Advice(fixes []Fix) []string {
	all := list{words: []string{}}
	for i := range fixes {
		f := &fixes[i]
		if f.Command != "" {
			continue
		}
		all.once(sentence(f.text()))
		if f.more > 0 {
			all.add(sentence(f.verb + " " + f.others))
		}
	}
	return all.words
}

// list is a list of texts, of which there can be a hundred thousand.
type list struct {
	words []string
	there map[string]struct{} // those of words if they are many
}

func (l *list) add(word string) {
	const many = 16
	l.words = append(l.words, word)
	if len(l.words) == many {
		l.there = map[string]struct{}{}
		for _, w := range l.words {
			l.there[w] = struct{}{}
		}
	} else if len(l.words) > many {
		l.there[word] = struct{}{}
	}
}

// once adds a text unless it is there.
func (l *list) once(word string) {
	if _, known := l.there[word]; !known && (l.there != nil || !slices.Contains(l.words, word)) {
		l.add(word)
	}
}

// sentence begins a phrase with a capital letter and ends it with a stop.
func sentence(phrase string) string {
	r, size := utf8.DecodeRuneInString(phrase)
	if phrase = string(unicode.ToUpper(r)) + phrase[size:]; strings.HasSuffix(phrase, ".") {
		return phrase
	}
	return phrase + "."
}

// How much of many steps a sentence has; Commands and Advice have all.
const (
	mostOfOneKind = 3
	mostSteps     = 8
)

// steps returns phrases for some steps. Of many like ones it counts those beyond the
// first.
func steps(fixes []Fix) []string {
	var all []string
	for i := 0; i < len(fixes); {
		j := i + 1
		for j < len(fixes) && fixes[i].verb != "" && fixes[j].verb == fixes[i].verb {
			j++
		}
		all = append(all, strings.TrimSpace(fixes[i].verb+" "+andJoin(objects(fixes[i:j]))))
		i = j
	}
	if len(all) > mostSteps {
		return append(all[:mostSteps:mostSteps], fmt.Sprintf("%d more steps (see -o json)", len(all)-mostSteps))
	}
	return all
}

func objects(fixes []Fix) (all []string) {
	for i := 0; i < len(fixes); {
		j := i + 1
		for j < len(fixes) && fixes[j].noun == fixes[i].noun {
			j++
		}
		for k, f := range fixes[i:j] {
			if k == mostOfOneKind {
				if left := count(fixes[i+k : j]); left > 1 {
					all = append(all, fmt.Sprintf("%d more %s", left, f.noun))
					break
				}
			}
			all = append(all, f.object)
		}
		i = j
	}
	return all
}

// count returns how many holders some steps are for.
func count(fixes []Fix) int {
	n := len(fixes)
	for _, f := range fixes {
		n += f.more
	}
	return n
}
