// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
)

var (
	errNoSnapshot = errors.New("it is not a snapshot: nsinspect snapshot makes them")
	errOther      = fmt.Errorf("it is what another command prints: %w", errNoSnapshot)
	errCutOff     = errors.New("it is cut off: copy it again")
	errTooLarge   = errors.New("it has more than any snapshot has")
)

// Read reads a snapshot, compressed or not. The error of what is none, or is cut off, has
// that.
func Read(r io.Reader) (*File, error) { return read(r, false) }

func read(r io.Reader, comparing bool) (*File, error) {
	in, err := plain(r)
	if err != nil {
		return nil, err
	}
	b := &bounded{r: in}
	p := &parser{in: newStream(b), scan: scanner{seed: maphash.MakeSeed()}, bounded: b, rest: map[string]json.RawMessage{}, comparing: comparing}
	f, err := p.document()
	if err != nil {
		return nil, bound(p.explain(err))
	}
	return f, nil
}

// bound returns an error that has at most some columns, whatever of the file it quotes.
func bound(err error) error {
	if words := err.Error(); len(words) > text.CellWidth {
		return errors.New(text.Cut(words, text.CellWidth))
	}
	return err
}

// explain returns why a text is no snapshot.
func (p *parser) explain(err error) error {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case p.bounded.err != nil:
		return p.bounded.err
	case p.other:
		return errOther
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return errCutOff
	case errors.As(err, &syntax):
		return fmt.Errorf("it is broken: %w (byte %d)", err, syntax.Offset)
	case errors.As(err, &wrong):
		return fmt.Errorf("it is broken: %s is no %s", wrong.Field, wrong.Type)
	case errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("it is broken: %w", err)
	}
	return err
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

// parser reads one document.
type parser struct {
	in        *stream
	scan      scanner
	bounded   *bounded
	rest      map[string]json.RawMessage // members but those that are read as they come
	comparing bool                       // what Compare does not look at is left out
	other     bool                       // namespaces came, and no word before that they are a snapshot's
	restorer
}

func (p *parser) document() (*File, error) {
	if err := p.in.object(p.member); err != nil {
		return nil, err
	}
	if err := p.in.end(); err != nil { // reads the checksum, too
		return nil, err
	}
	return p.finish()
}

// member reads a member of the document.
func (p *parser) member(key string) (err error) {
	p.bounded.next()
	switch key {
	case "processes":
		if err = p.begin(); err == nil {
			err = each(p, p.addProcess, processField, zero)
		}
	case "namespaces":
		c, _ := p.in.peek() // the list reports what is wrong where there is no '['
		if p.other = c == '[' && string(p.rest["document"]) != `"snapshot"`; p.comparing {
			return each(p, func(w *compared) error { return p.addNamespace(&w.kept) }, comparedField, func(w *compared) { empty(&w.kept) })
		}
		err = each(p, p.addNamespace, keptField, empty)
	case "texts":
		p.read.texts = pieces[string]{} // a member that comes again is bounded as one
		err = eachOf(p, p.addText, (*scanner).string, zero)
	case "doctor":
		err = p.readDoctor()
	default:
		if err = p.keep(p.rest, key); err == nil && key == "schema" {
			err = checkSchema(p.rest["schema"])
		}
	}
	return err
}

// readDoctor reads the report of doctor, whose findings are many.
func (p *parser) readDoctor() error {
	rest := map[string]json.RawMessage{}
	p.read.findings = pieces[wire.KeptFinding]{}
	err := p.in.object(func(key string) error {
		if key == "findings" {
			return each(p, p.addFinding, findingField, zero)
		}
		return p.keep(rest, key)
	})
	if err != nil {
		return err
	}
	p.doctor = new(wire.KeptDoctor)
	return unmarshal(rest, p.doctor)
}

func (p *parser) addFinding(w *wire.KeptFinding) error {
	p.read.findings.add(*w)
	return nil
}

func (p *parser) addText(s *string) error {
	if p.read.texts.len() == mostTexts {
		return errTooLarge
	}
	p.read.texts.add(*s)
	return nil
}

func (p *parser) addProcess(w *wire.KeptProcess) error {
	p.bounded.next()
	return p.process(w)
}

// keep reads a value as it is.
func (p *parser) keep(rest map[string]json.RawMessage, key string) error {
	var value json.RawMessage
	err := p.in.decode(&value)
	rest[key] = value
	return err
}

// unmarshal reads into v the members that were kept.
func unmarshal(rest map[string]json.RawMessage, v any) error {
	text, err := json.Marshal(rest)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// begin reads what the processes need that came before them.
func (p *parser) begin() error {
	if text := p.rest["boot"]; text != nil {
		return json.Unmarshal(text, &p.boot)
	}
	return nil
}

// addNamespace adds a namespace.
func (p *parser) addNamespace(w *kept) error {
	p.bounded.next()
	if p.read.all.len() > mostSpaces {
		return errTooLarge
	}
	return p.namespace(w)
}

// compared is a namespace without what Compare does not look at.
type compared struct {
	kept
	Answer    skipped `json:"answer"`
	Listeners skipped `json:"listeners"`
	Local     skipped `json:"local_routes"`
}

// skipped is a value that is not read.
type skipped struct{}

// UnmarshalJSON takes everything.
func (skipped) UnmarshalJSON([]byte) error { return nil }

// checkSchema refuses what this version cannot read.
func checkSchema(text json.RawMessage) error {
	var schema string
	if json.Unmarshal(text, &schema) != nil || !strings.HasPrefix(schema, "nsinspect/v") {
		return errNoSnapshot
	}
	if schema != wire.Schema && schema != wire.SnapshotSchema {
		return fmt.Errorf("its schema is %q and this nsinspect reads %s: use the nsinspect that wrote it", schema, wire.SnapshotSchema)
	}
	return nil
}

// finish reads the members that were kept, and puts all together.
func (p *parser) finish() (*File, error) {
	var head wire.Snapshot
	if err := unmarshal(p.rest, &head); err != nil {
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
