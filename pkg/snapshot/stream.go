// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// stream is a JSON text that is read value by value.
type stream struct {
	r    io.Reader
	buf  []byte
	at   int   // what is before was used
	past int64 // bytes before buf
	err  error // of r, after what is in buf
}

func newStream(r io.Reader) *stream { return &stream{r: r, buf: make([]byte, 0, 1<<16)} }

// fill reads more. What was used is gone then.
func (s *stream) fill() error {
	if s.err != nil {
		return s.err
	}
	s.past += int64(s.at)
	s.buf, s.at = s.buf[:copy(s.buf, s.buf[s.at:])], 0
	if len(s.buf) == cap(s.buf) {
		s.buf = append(make([]byte, 0, 2*cap(s.buf)), s.buf...)
	}
	n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
	if s.buf, s.err = s.buf[:len(s.buf)+n], err; n > 0 {
		return nil
	}
	return err
}

// peek returns the next character that is no space.
func (s *stream) peek() (byte, error) {
	for {
		for ; s.at < len(s.buf); s.at++ {
			if c := s.buf[s.at]; c != ' ' && c != '\n' && c != '\r' && c != '\t' {
				return c, nil
			}
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// value returns the next value. It may be none: Unmarshal finds that.
func (s *stream) value() ([]byte, error) {
	if _, err := s.peek(); err != nil {
		return nil, err
	}
	var f frame
	for !f.ends(s.buf[s.at:]) {
		if err := s.fill(); err == io.EOF && json.Valid(s.buf[s.at:]) {
			break // a number has no end of its own
		} else if err != nil {
			return nil, s.cutOff(err)
		}
	}
	if f.n == 0 {
		return nil, s.broken()
	}
	s.at += f.n
	return s.buf[s.at-f.n : s.at], nil
}

// cutOff returns the error of a value that does not end before the text does. What is there of
// it may be broken.
func (s *stream) cutOff(err error) error {
	if err != io.EOF {
		return err
	}
	var value json.RawMessage
	err = json.NewDecoder(bytes.NewReader(s.buf[s.at:])).Decode(&value)
	return s.placed(err, 0)
}

// placed returns an error in the value that begins n bytes before s.at, with its place in the
// whole text.
func (s *stream) placed(err error, n int) error {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		moved := *syntax
		moved.Offset += s.past + int64(s.at-n)
		return &moved
	}
	return err
}

// broken returns the error of the next character, where it cannot be.
func (s *stream) broken() error {
	return fmt.Errorf("it is broken: invalid character %q (byte %d)", rune(s.buf[s.at]), s.past+int64(s.at))
}

// decode reads the next value into v.
func (s *stream) decode(v any) error {
	text, err := s.value()
	if err == nil {
		err = s.placed(json.Unmarshal(text, v), len(text))
	}
	return err
}

// list calls element for every element of a list, or member of an object, that begins and ends
// with a character. It reads that.
func (s *stream) list(begin, end byte, element func() error) error {
	c, err := s.peek()
	switch {
	case err != nil:
		return err
	case c != begin:
		return s.other(c)
	}
	s.at++
	if c, err = s.peek(); err == nil && c == end {
		s.at++
		return nil
	}
	for err == nil {
		if err = element(); err != nil {
			return err
		}
		if c, err = s.peek(); err != nil {
			return err
		}
		if c != ',' && c != end {
			return s.broken()
		}
		if s.at++; c == end {
			return nil
		}
	}
	return err
}

// other returns the error of a value, which begins with c, that is in the place of another one.
func (s *stream) other(c byte) error {
	if c == '{' || c == '[' {
		return errNoSnapshot
	}
	if err := s.decode(new(json.RawMessage)); err != nil {
		return err
	}
	return errNoSnapshot
}

// object calls member for each member of an object, with its name. It reads the value.
func (s *stream) object(member func(key string) error) error {
	return s.list('{', '}', func() error {
		c, err := s.peek()
		if err == nil && c != '"' {
			return s.broken()
		}
		var key string
		if err == nil {
			err = s.decode(&key)
		}
		if err == nil {
			c, err = s.peek()
		}
		switch {
		case err != nil:
			return err
		case c != ':':
			return s.broken()
		}
		s.at++
		return member(key)
	})
}

// end reads what is after the document, which is nothing.
func (s *stream) end() error {
	switch _, err := s.peek(); err {
	case io.EOF:
		return nil
	case nil:
		return errors.New("it is broken: something follows its end")
	default:
		return err
	}
}

// frame finds where a value ends, by its brackets and quotes alone.
type frame struct {
	n, depth, deepest int
	quoted            bool
}

// tooDeep is more than encoding/json reads: what is there of a deeper value is enough for it to
// find that.
const tooDeep = 10_001

// ends reports whether the value ends in the text that it begins, after n bytes. If it does
// not, it can be called again with more of the text.
func (f *frame) ends(text []byte) bool {
	for ; f.n < len(text); f.n++ {
		c := text[f.n]
		if f.quoted {
			if c == '\\' {
				f.n++
			} else if f.quoted = c != '"'; !f.quoted && f.depth == 0 {
				f.n++
				return true
			}
			continue
		}
		switch c {
		case '"', '{', '[':
			if f.depth == 0 && f.n > 0 {
				return true
			}
			if f.quoted = c == '"'; !f.quoted {
				f.depth++
				f.deepest = max(f.deepest, f.depth)
			}
			if f.depth == tooDeep {
				f.n++
				return true
			}
		case '}', ']':
			if f.depth == 0 {
				return true
			}
			if f.depth--; f.depth == 0 {
				f.n++
				return true
			}
		case ',', ':', ' ', '\n', '\r', '\t':
			if f.depth == 0 {
				return true
			}
		}
	}
	return false
}
