// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/nsinspect/nsinspect/pkg/trace"
)

const (
	leastWidth = 40 // a narrower terminal is written to as if it had this
	leastRoom  = 34 // columns that a call and a change need beside the head
	leastHang  = 4  // where they stand below it otherwise
)

// appendLines adds an event as lines that fit the terminal: the call and the owner, and
// each change on a line of its own:
//
//	12:03:44.120394  unshare[4242]  unshare(CLONE_NEWNET|CLONE_NEWUTS) = 0  [docker:web]
//	                                 net    host       → 4026532300
//	                                 uts    host       → 4026532301
func (e *Events) appendLines(out []byte, ev *trace.Event, column int) []byte {
	if e.width-column < leastRoom {
		column = leastHang
		out, _ = e.appendWrapped(out, bytes.TrimRight(e.head, " "), 0, column, "")
		out = appendSpaces(append(out, '\n'), column)
	} else {
		out = append(out, e.head...)
	}
	hang := column + 1
	out, end := e.appendWrapped(out, e.cell, column, hang+2, callColor(ev))
	beside := end+2+displayWidth(e.whose) <= e.width
	if len(e.whose) > 0 && beside {
		out = append(append(out, "  "...), e.whose...)
	}
	words := e.where.wordsWidth()
	from, fits := e.where.fromWidth(e.width - hang)
	if !fits && hang > leastHang {
		hang = leastHang + 1
		from, _ = e.where.fromWidth(e.width - hang)
	}
	for i := range e.where.changes {
		e.cell = e.where.appendChange(e.cell[:0], i, words, from)
		out = e.appendIndented(out, e.cell, hang, whereColor(ev))
	}
	out = e.appendIndented(out, e.where.note, hang, whereColor(ev))
	if !beside {
		out = e.appendIndented(out, e.whose, hang, "")
	}
	return append(out, '\n')
}

// appendTail adds the rest of a line, which begins with spaces, and ends it. What does not
// fit the terminal goes on below.
func (e *Events) appendTail(out []byte, tail string) []byte {
	rest := []byte(strings.TrimLeft(tail, " "))
	column := displayWidth(out[bytes.LastIndexByte(out, '\n')+1:]) + len(tail) - len(rest)
	if e.width > 0 && column+displayWidth(rest) > e.width && e.width-column < leastRoom {
		column = leastHang
		out = appendSpaces(append(bytes.TrimRight(out, " "), '\n'), column)
	} else {
		out = appendSpaces(out, len(tail)-len(rest))
	}
	out, _ = e.appendWrapped(out, rest, column, leastHang, "")
	return append(out, '\n')
}

// appendIndented adds text on a line of its own, nothing for none.
func (e *Events) appendIndented(out, text []byte, hang int, color string) []byte {
	if len(text) == 0 {
		return out
	}
	out = appendSpaces(append(out, '\n'), hang)
	out, _ = e.appendWrapped(out, text, hang, hang+2, color)
	return out
}

// appendWrapped adds text that begins at a column, and goes on at another one where it
// does not fit the terminal. It returns the column after it too.
func (e *Events) appendWrapped(out, text []byte, column, hang int, color string) ([]byte, int) {
	for {
		n := len(text)
		if e.width > 0 {
			n = fitting(text, e.width-column)
		}
		line := text[:n]
		if text = text[n:]; len(text) == 0 {
			return e.paint(out, line, color), column + displayWidth(line)
		}
		out = e.paint(out, bytes.TrimRight(line, " "), color)
		out = appendSpaces(append(out, '\n'), hang)
		column = hang
	}
}

// fitting returns how many bytes of a text to put in so many columns: up to where it may
// be broken, or else as many as there is room for, at least one character.
func fitting(text []byte, room int) int {
	end, width := 0, 0
	for i := 0; i < len(text); {
		if i > 0 && breaks(text, i) {
			end = i
		}
		_, size := utf8.DecodeRune(text[i:])
		if text[i] != ' ' || width < room { // one at the end of a line is not written
			width += displayWidth(text[i : i+size])
		}
		if width > room {
			if end == 0 {
				end = max(i, size)
			}
			return end
		}
		i += size
	}
	return len(text)
}

// breaks reports whether a text may go on in another line: after a flag or an argument,
// and before a result, a remark or an arrow.
func breaks(text []byte, i int) bool {
	if text[i-1] == '|' {
		return true
	}
	if text[i-1] != ' ' || i < 2 {
		return false
	}
	next, _ := utf8.DecodeRune(text[i:])
	return text[i-2] == ',' || text[i-2] == ' ' || strings.ContainsRune("=([<→↛", next)
}
