// SPDX-License-Identifier: Apache-2.0

// Command report keeps what a run of CI showed and prints it in one table at the end:
//
//	report test -race ./...    # go test -race ./..., recorded
//	report close STEPS         # the table; STEPS has a line a step: name, seconds, status
//
// What is recorded goes to the file that NSINSPECT_TESTREPORT names, for the step
// that NSINSPECT_TESTREPORT_STEP names; without it nothing is recorded.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/testreport"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(args []string, w io.Writer) error {
	switch {
	case len(args) > 0 && args[0] == "test":
		return test(args[1:], w)
	case len(args) == 2 && args[0] == "close":
		return closing(args[1], w)
	}
	return errors.New("usage: report test ARGUMENT... | report close STEPS")
}

// test runs `go test` and records what it showed.
func test(args []string, w io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	summary, err := testreport.Run(ctx, os.Getenv(testreport.StepEnv), w, args...)
	err = errors.Join(err, testreport.Record(summary))
	if err == nil && len(summary.Failed) > 0 {
		err = fmt.Errorf("%d tests failed", len(summary.Failed))
	}
	return err
}

// closing prints the table of what was recorded. Nothing may have been.
func closing(path string, w io.Writer) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the steps: %w", err)
	}
	steps, err := parseSteps(string(text))
	if err != nil {
		return err
	}
	recorded, err := os.ReadFile(os.Getenv(testreport.FileEnv))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the results: %w", err)
	}
	suites, err := testreport.Records(string(recorded))
	if err != nil {
		return err
	}
	return write(w, steps, suites)
}
