// SPDX-License-Identifier: Apache-2.0

// Command nshold makes one network namespace that one thing keeps alive, prints
// in a line of JSON what it made, and ends it when its standard input ends or
// it is killed. It needs root.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nstest"
)

const usage = `usage: nshold [-path PATH] KIND

Holds a new network namespace by one holder of the kind, prints what it made as
JSON, and frees it when standard input ends.

kinds:
`

func main() {
	nstest.Main()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("nshold", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("path", "", "where the kind `mount` mounts, a new file (default: in a directory of its own)")
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		for _, k := range nstest.Kinds() {
			fmt.Fprintf(stderr, "  %-22s %-8s  %s\n", k, k.Holder(), k.About())
		}
		fmt.Fprintln(stderr, "\nflags:")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 {
		if err == nil {
			flags.Usage()
		}
		return 2
	}
	if err := hold(nstest.Kind(flags.Arg(0)), nstest.Options{Path: *path}, stdin, stdout); err != nil {
		fmt.Fprintln(stderr, "nshold:", err)
		return 1
	}
	return 0
}

// hold keeps the scene until stdin ends or a signal comes.
func hold(k nstest.Kind, opt nstest.Options, stdin io.Reader, stdout io.Writer) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	s, err := nstest.Start(k, opt)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(s.Truth); err != nil {
		s.Close()
		return fmt.Errorf("print scene: %w", err)
	}
	end := make(chan struct{})
	go func() {
		io.Copy(io.Discard, stdin)
		close(end)
	}()
	select {
	case <-end:
	case <-stop:
	}
	return s.Close()
}
