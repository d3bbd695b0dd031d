// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/doctor"
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
	pipe, compressed := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := compress(w, pipe)
		pipe.CloseWithError(err)
		done <- err
	}()
	out := bufio.NewWriterSize(compressed, 1<<18)
	err := f.writeJSON(out, how, report)
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
}

func (f *File) writeJSON(w io.Writer, how Encoding, report func() (*doctor.Report, error)) error {
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
	err := d.list(`"processes"`, d.Processes(), func(i int) any {
		p := d.Process(i)
		how.process(&p)
		return p
	})
	if err == nil {
		err = d.list(`,"namespaces"`, len(f.Snapshot.Namespaces), func(i int) any { return d.namespace(f, i) })
	}
	if err == nil {
		err = d.doctor(report)
	}
	if err != nil {
		return err
	}
	texts := d.Texts()
	if err := d.list(`,"texts"`, len(texts), func(i int) any { return texts[i] }); err != nil {
		return err
	}
	_, err = w.Write(append(d.text, "}\n"...))
	return err
}

// add adds a value as JSON.
func (d *document) add(value any) error {
	one, err := wire.Marshal(value, false)
	if err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	d.text = append(d.text, bytes.TrimRight(one, "\n")...)
	return nil
}

// list writes a member with a list, an element a line.
func (d *document) list(member string, n int, element func(i int) any) error {
	d.text = append(d.text, member+":["...)
	for i := range n {
		if i > 0 {
			d.text = append(d.text, ',')
		}
		d.text = append(d.text, '\n')
		if err := d.add(element(i)); err != nil {
			return err
		}
		if _, err := d.w.Write(d.text); err != nil {
			return err
		}
		d.text = d.text[:0]
	}
	d.text = append(d.text, "\n]"...)
	return nil
}

func (d *document) namespace(f *File, i int) wire.Kept {
	n := &f.Snapshot.Namespaces[i]
	w := d.Namespace(n, f.answerOf(n))
	d.how.namespace(&w)
	d.Share(&w)
	if d.how.Written != nil {
		d.how.Written(i + 1)
	}
	return w
}

func (d *document) doctor(report func() (*doctor.Report, error)) error {
	r, err := report()
	if err != nil || r == nil {
		return err
	}
	whole := wire.NewDoctor(r)
	d.how.doctor(&whole)
	d.text = append(d.text, `,"doctor":`...)
	return d.add(d.Doctor(&whole))
}
