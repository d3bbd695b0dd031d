// SPDX-License-Identifier: Apache-2.0

// Command again runs all tests several times in a row, every second time beside a
// load, and prints which test failed in which round:
//
//	go run ./test/again -n 10
//	go run ./test/again -n 4 -run TestOneHolder ./pkg/scan    # what follows the flags is go test's
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/testreport"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == loadArg {
		loadMain()
	}
	n := flag.Int("n", 10, "run the tests so `MANY` times")
	run := flag.String("run", "", "run only the tests that match this `EXPRESSION`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	err := again(ctx, os.Stdout, *n, *run, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "again:", err)
		os.Exit(1)
	}
}

// round is one run of all tests.
type round struct {
	testreport.Summary
	loaded bool
	took   time.Duration
}

func again(ctx context.Context, w io.Writer, n int, run string, packages []string) error {
	if n < 1 {
		return fmt.Errorf("%d rounds: at least one is needed", n)
	}
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	args := append([]string{"-count=1", "-timeout", "40m", "-run", run}, packages...)
	var rounds []round
	var failed error
	for i := range n {
		r := round{loaded: i%2 == 1}
		fmt.Fprintf(w, "== round %d of %d%s\n", i+1, n, r.beside())
		begin := time.Now()
		err := r.test(ctx, w, args)
		r.took = time.Since(begin)
		rounds = append(rounds, r)
		if err != nil {
			failed = fmt.Errorf("round %d: %w", i+1, err)
			break
		}
	}
	return errors.Join(failed, writeRounds(w, rounds))
}

// beside returns what is beside the round.
func (r *round) beside() string {
	if r.loaded {
		return ", beside a load"
	}
	return ""
}

// test runs the tests once. Tests that fail are no error.
func (r *round) test(ctx context.Context, w io.Writer, args []string) (err error) {
	if r.loaded {
		l, failed := startLoad()
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, l.stop()) }()
	}
	r.Summary, err = testreport.Run(ctx, "", w, args...)
	return err
}
