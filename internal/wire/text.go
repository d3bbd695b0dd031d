// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Text is a text in a snapshot: its place in the texts of that or, of one that is there once,
// itself.
type Text struct {
	Place   int    // from 1 on; 0: it is Literal
	Literal string // with nothing to be filled in
}

// Texts returns literal texts.
func Texts(all []string) []Text {
	out := make([]Text, 0, len(all))
	for _, s := range all {
		out = append(out, Text{Literal: s})
	}
	return out
}

// IsZero reports whether there is no text.
func (t Text) IsZero() bool { return t == Text{} }

// MarshalJSON returns the place, from 0 on, or the text as a string.
func (t Text) MarshalJSON() ([]byte, error) {
	if t.Place > 0 {
		return strconv.AppendInt(nil, int64(t.Place-1), 10), nil
	}
	return json.Marshal(t.Literal)
}

// UnmarshalJSON is for what MarshalJSON returns, and takes null for no text.
func (t *Text) UnmarshalJSON(text []byte) error {
	*t = Text{}
	if len(text) > 0 && text[0] != '"' && text[0] != 'n' {
		place, err := strconv.ParseInt(string(text), 10, 32)
		if err != nil || place < 0 {
			return errors.New("the place of a text is not a number")
		}
		t.Place = int(place) + 1
		return nil
	}
	return json.Unmarshal(text, &t.Literal)
}

// Words are what texts about one namespace, or one path, have in common with those about
// others. In Snapshot.Texts marks stand for them, so that one such text serves all: %r for
// Ref, %n for Name, %p for Path, and %% for a percent sign.
type Words struct {
	Ref  string // net:[4026532177]
	Name string
	Path string
}

// leastWord is how long a word is that a mark stands for.
const leastWord = 3

// shorten returns a text with marks.
func (w *Words) shorten(s string) string {
	var out []byte
	done := 0
	for i := 0; i < len(s); i++ {
		mark, n := byte(0), 0
		for _, word := range [...]struct {
			mark byte
			text string
		}{{'%', "%"}, {'p', w.Path}, {'r', w.Ref}, {'n', w.Name}} {
			if len(word.text) > 0 && s[i] == word.text[0] && (len(word.text) >= leastWord || word.mark == '%') && strings.HasPrefix(s[i:], word.text) {
				mark, n = word.mark, len(word.text)
				break
			}
		}
		if n > 0 {
			out = append(append(out, s[done:i]...), '%', mark)
			i += n - 1
			done = i + 1
		}
	}
	if done == 0 {
		return s
	}
	return string(append(out, s[done:]...))
}

// ErrMark is the error for a text with a mark that stands for nothing.
var ErrMark = errors.New("a text has a mark that stands for nothing")

// Expand returns a text of Snapshot.Texts as it was.
func (w *Words) Expand(text string) (string, error) {
	if !strings.Contains(text, "%") {
		return text, nil
	}
	var room [512]byte
	out := room[:0]
	for {
		plain, rest, marked := strings.Cut(text, "%")
		out = append(out, plain...)
		switch {
		case !marked:
			return string(out), nil
		case rest == "":
			return "", ErrMark
		}
		switch rest[0] {
		case '%':
			out = append(out, '%')
		case 'r':
			out = append(out, w.Ref...)
		case 'n':
			out = append(out, w.Name...)
		case 'p':
			out = append(out, w.Path...)
		default:
			return "", ErrMark
		}
		text = rest[1:]
	}
}

// MostText is how many bytes a text has when it is expanded.
const MostText = 1 << 20

// TooLong reports whether Expand would return more than MostText bytes.
func (w *Words) TooLong(text string) bool {
	most := max(len(w.Ref), len(w.Name), len(w.Path), 1)
	return len(text)+strings.Count(text, "%")*most > MostText
}

// mostTexts is how many bytes of texts a snapshot keeps to be used again. What more there is
// is written where it belongs: texts of which each is about other processes.
const mostTexts = 2 << 20

// texts are those of a snapshot that is written.
type texts struct {
	all  []string
	at   map[string]int
	size int
}

// share replaces a literal text by the place that it has among the texts.
func (t *texts) share(w *Words, text *Text) {
	short := w.shorten(text.Literal)
	at, ok := t.at[short]
	if !ok {
		if t.size+len(short) > mostTexts {
			return
		}
		at = len(t.all)
		t.all, t.size = append(t.all, short), t.size+len(short)
		t.at[short] = at
	}
	*text = Text{Place: at + 1}
}

func (t *texts) shareAll(w *Words, all []Text) {
	for i := range all {
		t.share(w, &all[i])
	}
}
