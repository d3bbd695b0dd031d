// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Lines come whole, however long they are and wherever the pieces end.
func TestReadLines(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	h, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	many := ""
	for i := range 20000 {
		many += fmt.Sprintln("line", i)
	}
	for _, text := range []string{"", "\n", "no end", many, many + "no end", strings.Repeat("x", 100_000) + "\n" + many} {
		if err := os.WriteFile(filepath.Join(root, "file"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var got []byte
		pieces, ended := 0, false
		err := h.ReadLines("/file", func(lines []byte, last bool) error {
			pieces++
			if ended || !last && !bytes.HasSuffix(lines, []byte("\n")) {
				t.Errorf("piece %d ends with %q", pieces, lines[max(0, len(lines)-20):])
			}
			got, ended = append(got, lines...), last
			return nil
		})
		if err != nil || !ended || string(got) != text {
			t.Errorf("%d bytes of %d, ended %t, %v", len(got), len(text), ended, err)
		}
		if least := len(text) / (256 << 10); pieces <= least {
			t.Errorf("%d pieces of %d bytes", pieces, len(text))
		}
	}
	if err := os.Truncate(filepath.Join(root, "file"), maxFile+1); err != nil {
		t.Fatal(err)
	}
	if err := h.ReadLines("/file", func([]byte, bool) error { return nil }); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v of a file that is too large", err)
	}
	if err := h.ReadLines("/file", func([]byte, bool) error { return io.ErrNoProgress }); err != io.ErrNoProgress {
		t.Errorf("error %v, want that of the function", err)
	}
}
