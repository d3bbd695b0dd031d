// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nsinspect/nsinspect/internal/wire"
)

// What is read of a file at most. A stranger can write a small file that is large when it is
// not compressed, and is larger still in memory.
const (
	mostBytes   = 1 << 30
	mostObjects = 1 << 22
	mostSpaces  = 1 << 18 // namespaces
	mostOfOne   = 1 << 26 // bytes of one member or namespace
	mostInOne   = 1 << 20 // objects in it

	mostMembers  = 1 << 21 // processes in all namespaces together
	mostExpanded = 1 << 28 // bytes of texts with marks
)

var (
	errNoSnapshot = errors.New("it is no snapshot: nsinspect snapshot makes them")
	errOther      = fmt.Errorf("it is what another command prints: %w", errNoSnapshot)
	errCutOff     = errors.New("it is cut off: copy it again")
	errTooLarge   = errors.New("it has more than any snapshot has")
)

// Read reads a snapshot, compressed or not. The error of what is none, or is cut off, has
// that.
func Read(r io.Reader) (*File, error) {
	in, err := plain(r)
	if err != nil {
		return nil, err
	}
	b := &bounded{r: in}
	p := &parser{json: json.NewDecoder(b), bounded: b, rest: map[string]json.RawMessage{}}
	f, err := p.read()
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return f, nil
	case b.err != nil:
		return nil, b.err
	case p.other:
		return nil, errOther
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return nil, errCutOff
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("it is broken: %w (byte %d)", err, syntax.Offset)
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("it is broken: %s is no %s", wrong.Field, wrong.Type)
	case errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader):
		return nil, fmt.Errorf("it is broken: %w", err)
	}
	return nil, err
}

// plain returns what is in a file that may be compressed.
func plain(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	first, err := in.Peek(2)
	switch {
	case err == io.EOF && len(first) == 0:
		return nil, fmt.Errorf("it is empty: %w", errNoSnapshot)
	case err != nil && err != io.EOF:
		return nil, err
	case bytes.Equal(first, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return nil, errCutOff
		} else if err != nil {
			return nil, fmt.Errorf("it is broken: %w", err)
		}
		return z, nil
	case first[0] == '{':
		return in, nil
	}
	return nil, errNoSnapshot
}

// bounded is a reader that ends with an error where there is too much.
type bounded struct {
	r              io.Reader
	bytes, objects int64
	one, inOne     int64 // of what is read now
	err            error
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	objects := int64(bytes.Count(p[:n], []byte{'{'}))
	b.bytes, b.one, b.objects, b.inOne = b.bytes+int64(n), b.one+int64(n), b.objects+objects, b.inOne+objects
	if b.bytes > mostBytes || b.objects > mostObjects || b.one > mostOfOne || b.inOne > mostInOne {
		b.err = errTooLarge
		return 0, b.err
	}
	if err == gzip.ErrChecksum || err == gzip.ErrHeader {
		b.err = fmt.Errorf("it is broken: %w", err)
	}
	return n, err
}

// next begins to count what is read next.
func (b *bounded) next() { b.one, b.inOne = 0, 0 }

// parser reads one document.
type parser struct {
	json    *json.Decoder
	bounded *bounded
	rest    map[string]json.RawMessage // members but those that are read as they come
	other   bool                       // namespaces came, and no word before that they are a snapshot's
	restorer
}

func (p *parser) read() (*File, error) {
	if err := p.delim('{'); err != nil {
		return nil, err
	}
	for p.json.More() {
		key, err := p.json.Token()
		if err != nil {
			return nil, err
		}
		p.bounded.next()
		switch key {
		case "processes":
			if err = p.begin(); err == nil {
				err = each(p, p.addProcess, new(wire.KeptProcess))
			}
		case "namespaces":
			p.other = string(p.rest["document"]) != `"snapshot"`
			err = each(p, p.addNamespace, new(wire.Kept))
		case "texts":
			err = p.json.Decode(&p.texts)
		case "doctor":
			err = p.json.Decode(&p.doctor)
		default:
			var value json.RawMessage
			err = p.json.Decode(&value)
			p.rest[key.(string)] = value
		}
		if err == nil && key == "schema" {
			err = checkSchema(p.rest["schema"])
		}
		if err != nil {
			return nil, err
		}
	}
	if err := p.delim('}'); err != nil {
		return nil, err
	}
	if _, err := p.json.Token(); err != io.EOF { // reads the checksum, too
		if err == nil {
			err = errors.New("it is broken: something follows its end")
		}
		return nil, err
	}
	return p.finish()
}

func (p *parser) delim(want json.Delim) error {
	token, err := p.json.Token()
	if err == nil && token != want {
		return errNoSnapshot
	}
	return err
}

// begin reads what the processes need that came before them.
func (p *parser) begin() error {
	if text := p.rest["boot"]; text != nil {
		return json.Unmarshal(text, &p.boot)
	}
	return nil
}

// addNamespace adds a namespace. The holders of the next one have the room of its.
func (p *parser) addNamespace(w *wire.Kept) error {
	holders := w.Holders[:cap(w.Holders)]
	err := p.namespace(w)
	clear(holders)
	*w = wire.Kept{Holders: holders[:0]}
	return err
}

// each calls add for every element of a list, which is read into one: add leaves that empty.
func each[T any](p *parser, add func(*T) error, one *T) error {
	if err := p.delim('['); err != nil {
		return err
	}
	for p.json.More() {
		p.bounded.next()
		if err := p.json.Decode(one); err != nil {
			return err
		}
		if err := add(one); err != nil {
			return err
		}
		if len(p.all) > mostSpaces {
			return errTooLarge
		}
	}
	return p.delim(']')
}

// checkSchema refuses what this version cannot read.
func checkSchema(text json.RawMessage) error {
	var schema string
	if json.Unmarshal(text, &schema) != nil || !strings.HasPrefix(schema, "nsinspect/v") {
		return errNoSnapshot
	}
	if schema != wire.Schema && schema != wire.SnapshotSchema {
		return fmt.Errorf("it is of schema %q and this nsinspect reads %s: use the nsinspect that wrote it", schema, wire.SnapshotSchema)
	}
	return nil
}

// finish reads the members that were kept, and puts all together.
func (p *parser) finish() (*File, error) {
	text, err := json.Marshal(p.rest)
	if err != nil {
		return nil, err
	}
	var head wire.Snapshot
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	switch {
	case head.Schema == "":
		return nil, errNoSnapshot
	case head.Document != "snapshot":
		return nil, errOther
	}
	return p.file(&head)
}
