// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"encoding/json"
	"hash/maphash"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// scanner reads records as Write writes them, into what encoding/json would have read. It takes
// no more than that: of anything else it reports that it has not read it, and encoding/json
// reads that record, or finds what is wrong with it.
type scanner struct {
	text []byte
	at   int

	strings []string // room for what is copied
	ints    []int
	texts   []wire.Text
	bytes   []byte

	seed maphash.Seed
	seen [1 << 10]string // some of the strings, by a hash: most are there again and again
}

// longestSeen is how long a string in seen is at most.
const longestSeen = 64

// fieldOf returns a pointer to the field of a record that a member of it is read into, nil
// for one that is not read.
type fieldOf[T any] func(record *T, key []byte) any

// record reads an object.
func record[T any](s *scanner, one *T, field fieldOf[T]) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		key, ok := s.key()
		if !ok || !s.value(field(one, key)) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// list reads a list into one that is empty.
func list[T any](s *scanner, to *[]T, element func(*scanner, *T) bool) bool {
	if len(*to) > 0 || !s.take('[') {
		return false
	}
	if *to == nil {
		*to = []T{}
	}
	if s.take(']') {
		return true
	}
	for {
		*to = append(*to, *new(T))
		if !element(s, &(*to)[len(*to)-1]) {
			return false
		}
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// copied reads a list by way of some room, so that it takes no more memory than it needs.
func copied[T any](s *scanner, to, room *[]T, element func(*scanner, *T) bool) bool {
	*room = (*room)[:0]
	if len(*to) > 0 || !list(s, room, element) {
		return false
	}
	*to = slices.Clone(*room)
	return true
}

// records reads a list of objects.
func records[T any](s *scanner, to *[]T, field fieldOf[T]) bool {
	return list(s, to, func(s *scanner, one *T) bool { return record(s, one, field) })
}

// pointed reads an object into what is pointed at.
func pointed[T any](s *scanner, to **T, field fieldOf[T]) bool {
	if *to == nil {
		*to = new(T)
	}
	return record(s, *to, field)
}

// take reads a character if it is the next.
func (s *scanner) take(c byte) bool {
	if s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

// key reads the name of a member of which encoding/json takes no other spelling.
func (s *scanner) key() (key []byte, ok bool) {
	if !s.take('"') {
		return nil, false
	}
	for begin := s.at; s.at < len(s.text); s.at++ {
		if c := s.text[s.at]; c == '"' {
			key = s.text[begin:s.at]
			s.at++
			return key, s.take(':')
		} else if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return nil, false
		}
	}
	return nil, false
}

// value reads a value into what is pointed at, or leaves it out if that is nil.
func (s *scanner) value(to any) bool {
	switch to := to.(type) {
	case *string:
		return s.string(to)
	case *bool:
		*to = s.word("true")
		return *to || s.word("false")
	case *int:
		return integer(s, to)
	case *int32:
		return integer(s, to)
	case *ns.TaskID:
		return integer(s, to)
	case **int:
		*to = new(int)
		return integer(s, *to)
	case **int32:
		*to = new(int32)
		return integer(s, *to)
	case *int64:
		n, ok := s.number(true)
		*to = n
		return ok
	case *uint64:
		n, ok := s.number(false)
		*to = uint64(n)
		return ok
	case *time.Time:
		text, ok := s.other()
		return ok && text[0] == '"' && to.UnmarshalJSON(text) == nil
	case **time.Time:
		*to = new(time.Time)
		return s.value(*to)
	case *[]string:
		return copied(s, to, &s.strings, (*scanner).string)
	case *[]int:
		return copied(s, to, &s.ints, func(s *scanner, n *int) bool { return s.value(n) })
	case *wire.Text:
		return s.reference(to)
	case *[]wire.Text:
		return copied(s, to, &s.texts, (*scanner).reference)
	}
	if read, known := s.nested(to); known {
		return read
	}
	text, ok := s.other()
	if to == nil {
		return ok && json.Valid(text)
	}
	return ok && json.Unmarshal(text, to) == nil
}

// other reads a value that json is to read. One that is deep may be too deep for that with what
// it is in.
func (s *scanner) other() (text []byte, ok bool) {
	const most = 1000
	var f frame
	if !f.ends(s.text[s.at:]) || f.n == 0 || f.deepest > most {
		return nil, false
	}
	s.at += f.n
	return s.text[s.at-f.n : s.at], true
}

// word reads a word if it is the next.
func (s *scanner) word(word string) bool {
	if rest := s.text[s.at:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		return false
	}
	s.at += len(word)
	return true
}

// reference reads a text or its place.
func (s *scanner) reference(to *wire.Text) bool {
	*to = wire.Text{}
	if s.at < len(s.text) && s.text[s.at] == '"' {
		return s.string(&to.Literal)
	}
	n, ok := s.number(false)
	to.Place = int(n) + 1
	return ok && n < 1<<31
}

// string reads a string.
func (s *scanner) string(to *string) bool {
	if !s.take('"') {
		return false
	}
	for begin := s.at; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			*to = s.stringOf(s.text[begin:s.at])
			s.at++
			return true
		case c == '\\' || c < ' ' || c >= utf8.RuneSelf:
			return s.unusual(begin, to)
		}
	}
	return false
}

// unusual reads the rest of a string, which begins with something else than plain characters.
func (s *scanner) unusual(begin int, to *string) bool {
	s.bytes = append(s.bytes[:0], s.text[begin:s.at]...)
	for ; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		switch {
		case c < ' ':
			return false
		case c == '"' && utf8.Valid(s.bytes):
			*to = s.stringOf(s.bytes)
			s.at++
			return true
		case c == '\\' && s.at+1 < len(s.text) && (s.text[s.at+1] == '"' || s.text[s.at+1] == '\\'):
			s.at++
			c = s.text[s.at]
		case c == '"' || c == '\\':
			s.at = begin - 1
			text, ok := s.other()
			return ok && json.Unmarshal(text, to) == nil
		}
		s.bytes = append(s.bytes, c)
	}
	return false
}

// stringOf returns a string, the same one for a text that was there not long ago.
func (s *scanner) stringOf(text []byte) string {
	if len(text) > longestSeen {
		return string(text)
	}
	at := maphash.Bytes(s.seed, text) % uint64(len(s.seen))
	if s.seen[at] != string(text) {
		s.seen[at] = string(text)
	}
	return s.seen[at]
}
