// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Encoding is how a snapshot is written.
type Encoding struct {
	Redact    *Redaction // nil: everything is written as it is
	NoCmdline bool       // command lines are left out
	Written   func(namespaces int)
}

// Write writes a snapshot, one namespace after the other. report is called last; a nil report
// is not written.
func (f *File) Write(w io.Writer, how Encoding, report func() (*doctor.Report, error)) error {
	return f.write(w, how, report, f.answerOf, func(*ns.Namespace) {})
}

// Write is that of a File, and lets what was written go: namespaces have no holders any more
// when report is called, no answers, and of many names only the best.
func (t *Taking) Write(w io.Writer, how Encoding, report func() (*doctor.Report, error)) error {
	return t.write(w, how, report, t.answers.get, func(n *ns.Namespace) {
		if n.Holders = nil; len(n.Names) > mostAtOnce {
			var best []ns.Name // what refers to it has that
			if b := n.Best(); b != nil {
				best = append(best, *b)
			}
			n.Names = best
		}
		delete(t.answers.all, n.Inode)
	})
}

// write is Write. It calls written for each namespace once it is.
func (f *File) write(w io.Writer, how Encoding, report func() (*doctor.Report, error), answerOf func(*ns.Namespace) *explain.Lists, written func(*ns.Namespace)) error {
	pipe, compressed := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := compress(w, pipe)
		pipe.CloseWithError(err)
		done <- err
	}()
	out := bufio.NewWriterSize(compressed, 1<<18)
	err := f.writeJSON(out, how, report, answerOf, written)
	if err == nil {
		err = out.Flush()
	}
	compressed.CloseWithError(err)
	if compressing := <-done; err == nil {
		err = compressing
	}
	return err
}

func compress(w io.Writer, r io.Reader) error {
	z, err := gzip.NewWriterLevel(w, gzip.DefaultCompression)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, r); err != nil {
		return err
	}
	return z.Close()
}

// document is one that is written.
type document struct {
	*wire.Keeper
	w    io.Writer
	how  Encoding
	text []byte // not written yet

	names   [mostAtOnce]wire.KeptName
	holders [mostAtOnce]wire.KeptHolder
	texts   [mostAtOnce]wire.Text
}

// mostAtOnce is how many names, holders and texts of a namespace are encoded at once. There can
// be a hundred thousand.
const mostAtOnce = 64

func (f *File) writeJSON(w io.Writer, how Encoding, report func() (*doctor.Report, error), answerOf func(*ns.Namespace) *explain.Lists, written func(*ns.Namespace)) error {
	if how.Redact != nil {
		how.Redact.learn(f)
	}
	d := document{Keeper: wire.NewKeeper(f.Snapshot, f.Owners, f.Sockets), w: w, how: how}
	head := d.Head()
	how.head(&head)
	if err := d.add(head); err != nil {
		return err
	}
	d.text = bytes.TrimSuffix(d.text, []byte(`"processes":null,"namespaces":null,"texts":null}`))
	err := d.list(`"processes"`, d.Processes(), func(i int) error {
		p := d.Process(i)
		how.process(&p)
		return d.add(p)
	})
	if err == nil {
		err = d.list(`,"namespaces"`, len(f.Snapshot.Namespaces), func(i int) error {
			n := &f.Snapshot.Namespaces[i]
			err := d.namespace(n, answerOf(n))
			written(n)
			if how.Written != nil {
				how.Written(i + 1)
			}
			return err
		})
	}
	if err == nil {
		err = d.doctor(report)
	}
	if err != nil {
		return err
	}
	texts := d.Texts()
	if err := d.list(`,"texts"`, len(texts), func(i int) error { return d.add(texts[i]) }); err != nil {
		return err
	}
	d.text = append(d.text, "}\n"...)
	return d.flush()
}

// add adds a value as JSON, with long lists in places where it has empty ones.
func (d *document) add(value any, long ...longList) error {
	text, err := wire.Marshal(value, false)
	if err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	text = bytes.TrimRight(text, "\n")
	for _, l := range long {
		before, after, found := bytes.Cut(text, []byte(l.empty))
		if !found {
			return fmt.Errorf("encode JSON: it has no %s to put a list in", l.empty)
		}
		d.text = append(append(d.text, before...), l.member+":["...)
		if err := l.add(); err != nil {
			return err
		}
		d.text, text = append(d.text, ']'), after
	}
	d.text = append(d.text, text...)
	return nil
}

// list writes a member with a list, an element a line. element adds one.
func (d *document) list(member string, n int, element func(i int) error) error {
	d.text = append(d.text, member+":["...)
	for i := range n {
		if i > 0 {
			d.text = append(d.text, ',')
		}
		d.text = append(d.text, '\n')
		if err := element(i); err != nil {
			return err
		}
		if err := d.flush(); err != nil {
			return err
		}
	}
	d.text = append(d.text, "\n]"...)
	return nil
}

func (d *document) flush() error {
	_, err := d.w.Write(d.text)
	d.text = d.text[:0]
	return err
}

// more adds further holders to a namespace that ends with a list of them.
func (d *document) more(all []wire.KeptHolder) error {
	if len(all) == 0 { // those that were left are known by other namespaces
		return nil
	}
	d.text = append(bytes.TrimSuffix(d.text, []byte("]}")), ',')
	if err := d.flush(); err != nil {
		return err
	}
	if err := d.add(all); err != nil {
		return err
	}
	d.text = append(d.text[:copy(d.text, d.text[len("["):])], '}')
	return nil
}
