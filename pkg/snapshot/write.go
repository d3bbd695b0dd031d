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

func (f *File) writeJSON(w io.Writer, how Encoding, report func() (*doctor.Report, error)) error {
	if how.Redact != nil {
		how.Redact.learn(f)
	}
	keeper := wire.NewKeeper(f.Snapshot, f.Owners, f.Answers, f.Sockets)
	head := keeper.Head()
	how.head(&head)
	text, err := wire.Marshal(head, false)
	if err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	text = append(bytes.TrimSuffix(text, []byte("null}\n")), '[') // what the member namespaces has
	for i := range f.Snapshot.Namespaces {
		n := keeper.Namespace(&f.Snapshot.Namespaces[i])
		how.namespace(&n)
		one, err := wire.Marshal(n, false)
		if err != nil {
			return fmt.Errorf("encode JSON: %w", err)
		}
		if i > 0 {
			text = append(text, ',')
		}
		if _, err := w.Write(append(append(text, '\n'), bytes.TrimRight(one, "\n")...)); err != nil {
			return err
		}
		text = text[:0]
		if how.Written != nil {
			how.Written(i + 1)
		}
	}
	text = append(text, "\n]"...)
	r, err := report()
	if err != nil {
		return err
	}
	if r != nil {
		d := wire.NewDoctor(r)
		how.doctor(&d)
		one, err := wire.Marshal(d, false)
		if err != nil {
			return fmt.Errorf("encode JSON: %w", err)
		}
		text = append(append(text, `,"doctor":`...), bytes.TrimRight(one, "\n")...)
	}
	_, err = w.Write(append(text, "}\n"...))
	return err
}
