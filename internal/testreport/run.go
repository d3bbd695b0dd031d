// SPDX-License-Identifier: Apache-2.0

package testreport

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Run runs `go test -json` with these arguments. It prints to w what `go test`
// prints: a line a package, and all of a test that failed. Tests that fail are no
// error; that the command did not run or was killed is.
func Run(ctx context.Context, suite string, w io.Writer, args ...string) (Summary, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGINT) } // which it passes on
	cmd.WaitDelay = 30 * time.Second
	r, pipe, err := os.Pipe()
	if err != nil {
		return Summary{}, fmt.Errorf("make a pipe: %w", err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = pipe, pipe
	err = cmd.Start()
	pipe.Close()
	if err != nil {
		return Summary{}, fmt.Errorf("run go test: %w", err)
	}
	summary, readErr := Read(suite, w, r)
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.As(err, &exit) && exit.ExitCode() == 1 && len(summary.Failed) > 0:
		err = nil
	case err != nil:
		err = fmt.Errorf("run go test: %w", err)
	}
	return summary, errors.Join(err, readErr)
}

// Read reads what `go test -json` prints until its end, and prints to w what is to
// be shown of it, with all that is no event.
func Read(suite string, w io.Writer, r io.Reader) (Summary, error) {
	c := NewCollector(suite)
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		shown := line
		if e, ok := ParseEvent(line); ok {
			shown = c.Add(e)
		}
		if _, err := io.WriteString(w, shown); err != nil {
			return c.Summary(), fmt.Errorf("print results: %w", err)
		}
		if errors.Is(err, io.EOF) {
			return c.Summary(), nil
		}
		if err != nil {
			return c.Summary(), fmt.Errorf("read results: %w", err)
		}
	}
}

// FileEnv names the file that Record appends to; without it Record does nothing.
// StepEnv names the step of CI that runs.
const (
	FileEnv = "NSINSPECT_TESTREPORT"
	StepEnv = "NSINSPECT_TESTREPORT_STEP"
)

// Record appends what a suite showed to the file of this run of CI, if it is one.
func Record(s Summary) error {
	path := os.Getenv(FileEnv)
	if path == "" {
		return nil
	}
	line, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("record results: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("record results: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// Records parses such a file. Runs of one suite are added up.
func Records(text string) ([]Summary, error) {
	var all []Summary
	for line := range strings.Lines(text) {
		var s Summary
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return nil, fmt.Errorf("parse results: %w", err)
		}
		same := func(o Summary) bool { return o.Suite == s.Suite }
		if i := slices.IndexFunc(all, same); i >= 0 {
			all[i].merge(s)
		} else {
			all = append(all, s)
		}
	}
	return all, nil
}
