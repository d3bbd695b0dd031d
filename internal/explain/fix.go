// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nsinspect/nsinspect/internal/text"
)

// Fix is one step of what frees or repairs something.
type Fix struct {
	Command string // one line of POSIX shell, in printable ASCII; "" if there is none that is safe

	verb, object string // what it does: "end", "sleep (pid 42)"
	exact        string // the object as advice has it that stands alone; "" if as in object
	noun         string // what many of these are: "processes"
	more         int    // how many further ones the step is for
	removes      bool   // the file that something is mounted on, and every mount there
	others       string // these: "7 more sockets of sleep (pid 42)"
}

// text returns what the step does, "end sleep (pid 42, started 2026-11-28 09:14:07)".
func (f Fix) text() string { return strings.TrimSpace(f.verb + " " + cmp.Or(f.exact, f.object)) }

// advise returns a step in words that no command does.
func advise(format string, args ...any) Fix {
	return Fix{verb: "", object: fmt.Sprintf(format, args...)}
}

// run returns a step that is best described by its command.
func run(command string) Fix {
	return Fix{Command: command, verb: "run", object: "`" + command + "`", noun: "commands"}
}

// Commands returns the commands of some steps, in order, each once.
func Commands(fixes iter.Seq[Fix]) []string {
	all := collect(fixes)
	return all.commands.Unpack()
}

// Advice returns a sentence for each step that has no command.
func Advice(fixes iter.Seq[Fix]) []string {
	all := collect(fixes)
	return all.advice.Unpack()
}

// collected are the commands of some steps, and sentences for those that have none.
type collected struct{ commands, advice list }

func collect(fixes iter.Seq[Fix]) (all collected) {
	for f := range fixes {
		all.add(&f)
	}
	return all
}

func (c *collected) add(f *Fix) {
	if f.Command != "" {
		c.commands.once(f.Command)
		return
	}
	c.advice.once(sentence(f.text()))
	if f.more > 0 {
		c.advice.add(sentence(f.verb + " " + f.others))
	}
}

// list is a list of texts that knows what it has.
type list struct {
	text.List
	there seen[string]
}

func (l *list) add(word string) {
	l.there.add(word)
	l.Add(word)
}

// once adds a text unless it is there.
func (l *list) once(word string) {
	if l.there.add(word) {
		l.Add(word)
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
