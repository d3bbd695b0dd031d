// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Runtimes write down much more of a container than is asked here: ten kilobytes
// each, for a name and a path. So what is not asked is skipped, not parsed.

var errJSON = errors.New("broken JSON")

// members calls f for every member of a JSON object, in order: with its name and
// the text of its value, which f may look into in turn. It returns errJSON, or
// what f returned, for what is no object; "null" is one without members. What f
// does not look into is not checked beyond its quotes and brackets.
func members(text []byte, f func(name string, value []byte) error) error {
	return elements(text, '{', func(s *skipper) error {
		start := s.at
		if !s.str() {
			return errJSON
		}
		name, err := unquote(s.text[start:s.at])
		if err != nil || !s.one(':') {
			return errJSON
		}
		value, err := s.value()
		if err != nil {
			return err
		}
		return f(name, value)
	})
}

// items calls f for every element of a JSON array, as members does.
func items(text []byte, f func(value []byte) error) error {
	return elements(text, '[', func(s *skipper) error {
		value, err := s.value()
		if err != nil {
			return err
		}
		return f(value)
	})
}

// elements reads what stands between brackets, one after the other.
func elements(text []byte, bracket byte, one func(*skipper) error) error {
	s := &skipper{text: text}
	s.space()
	if string(bytes.TrimSpace(text)) == "null" {
		return nil
	}
	if !s.one(bracket) {
		return errJSON
	}
	end := bracket + 2 // "{" and "}", "[" and "]" are two apart in ASCII
	if !s.one(end) {
		for {
			s.space()
			if err := one(s); err != nil {
				return err
			}
			if s.one(',') {
				continue
			}
			if !s.one(end) {
				return errJSON
			}
			break
		}
	}
	s.space()
	if s.at < len(s.text) {
		return errJSON
	}
	return nil
}

// skipper walks over JSON.
type skipper struct {
	text []byte
	at   int
}

func (s *skipper) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// one takes a character, with the space before it, if it is there.
func (s *skipper) one(c byte) bool {
	s.space()
	if s.at >= len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

// str skips a string. It reports whether there is a whole one.
func (s *skipper) str() bool {
	if s.at >= len(s.text) || s.text[s.at] != '"' {
		return false
	}
	for i := s.at + 1; i < len(s.text); i++ {
		switch s.text[i] {
		case '\\':
			i++
		case '"':
			s.at = i + 1
			return true
		}
	}
	return false
}

// value skips a value and returns its text.
func (s *skipper) value() ([]byte, error) {
	s.space()
	start, depth := s.at, 0
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '"':
			if !s.str() {
				return nil, errJSON
			}
			if depth == 0 {
				return s.text[start:s.at], nil
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.scalar(start)
			}
			if depth--; depth == 0 {
				s.at++
				return s.text[start:s.at], nil
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return s.scalar(start)
			}
		}
		s.at++
	}
	if depth > 0 {
		return nil, errJSON
	}
	return s.scalar(start)
}

// scalar returns a number, true, false or null, which reach up to here.
func (s *skipper) scalar(start int) ([]byte, error) {
	if text := s.text[start:s.at]; json.Valid(text) {
		return text, nil
	}
	return nil, errJSON
}

func unquote(text []byte) (string, error) {
	if len(text) >= 2 && bytes.IndexByte(text, '\\') < 0 && plainText(text) {
		return string(text[1 : len(text)-1]), nil
	}
	var s string
	err := json.Unmarshal(text, &s)
	return s, err
}

// plainText reports whether a JSON string stands for itself: it may hold no
// control character, and what is not ASCII could be no UTF-8.
func plainText(text []byte) bool {
	return !slices.ContainsFunc(text, func(c byte) bool { return c < ' ' || c >= 0x80 })
}

// object reads the members of a JSON object that are asked for by name, each into
// what takes it: a *string, *int, *bool, *map[string]string (of labels) or a function. A value
// of another type than that is broken JSON, but for null, which is nothing.
func object(text []byte, want map[string]any) error {
	return members(text, func(name string, value []byte) error {
		into, ok := want[name]
		if !ok || string(value) == "null" {
			return nil
		}
		var err error
		switch into := into.(type) {
		case func([]byte) error:
			err = into(value)
		case *string:
			if value[0] != '"' {
				err = errJSON
				break
			}
			*into, err = unquote(value)
		case *map[string]string:
			*into, err = labels(value)
		default:
			err = json.Unmarshal(value, into)
		}
		if err != nil {
			return fmt.Errorf("%w at %q", errJSON, name)
		}
		return nil
	})
}
