// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
)

// image is the name of the image that every runtime here has.
const image = "localhost/nsinspect-busybox:test"

// imageTar is the image's file system: a static busybox under the names of a few
// programs. No network is needed for it.
func imageTar(t testing.TB) []byte {
	t.Helper()
	need.Program(t, "busybox")
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	busybox, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if dynamic, err := isDynamic(busybox); err != nil {
		t.Fatalf("read %s: %v", path, err)
	} else if dynamic {
		need.Missing(t, "needs a static busybox (Debian's busybox-static)")
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	add := func(h tar.Header, data []byte) {
		h.Size = int64(len(data))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	add(tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	add(tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, busybox)
	for _, name := range []string{"sh", "sleep", "readlink", "unshare"} {
		add(tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func isDynamic(program []byte) (bool, error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return false, fmt.Errorf("parse ELF: %w", err)
	}
	return slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }), nil
}
