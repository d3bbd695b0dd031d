// SPDX-License-Identifier: Apache-2.0

//go:build manual

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nsinspect/nsinspect/internal/manual"
)

// With the build tag manual this is another program, for `make packages`: it
// writes the man pages and shell completions of the commands into a directory.
func init() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run -tags manual ./cmd/nsinspect DIRECTORY VERSION")
		os.Exit(exitUsage)
	}
	if err := writeManual(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
	os.Exit(exitOK)
}

func writeManual(dir, version string) error {
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("read SOURCE_DATE_EPOCH: %w", err)
	}
	root := (&app{stdout: io.Discard, stderr: io.Discard}).command()
	root.InitDefaultHelpFlag()
	files := map[string]func(io.Writer) error{
		"nsinspect.bash": func(w io.Writer) error { return writeCompletion(w, "bash", true) },
		"_nsinspect":     func(w io.Writer) error { return writeCompletion(w, "zsh", true) },
		"nsinspect.fish": func(w io.Writer) error { return writeCompletion(w, "fish", true) },
	}
	for _, c := range manual.Pages(root) {
		files[fmt.Sprintf("%s.%d", manual.Name(c), manual.Section)] = func(w io.Writer) error {
			return manual.Write(w, c, version, time.Unix(epoch, 0))
		}
	}
	for name, write := range files {
		var text bytes.Buffer
		if err := write(&text); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}
