// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// Traces a command from its first instruction, and reports what it did with network
// namespaces. It needs root.
func Example() {
	if err := watch(os.Stdout, "unshare", "-n", "true"); err != nil {
		log.Fatal(err)
	}
}

func watch(w io.Writer, name string, args ...string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tracer, err := trace.Open(ctx, trace.Options{Follow: true})
	if err != nil {
		return err
	}
	defer tracer.Close()

	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = cmd.Wait() // what became of it does not matter here
		cancel()       // Read then returns what was recorded, and ErrClosed at the end
	}()
	for {
		e, err := tracer.Read()
		if errors.Is(err, trace.ErrClosed) {
			break
		}
		if err != nil {
			return err
		}
		if e.Moved(ns.Net) {
			fmt.Fprintf(w, "%s: %s(%s) took it from net:[%d] to net:[%d]\n",
				e.Comm, e.Call, e.Flags, e.From[ns.Net].Inode, e.To[ns.Net].Inode)
		}
	}
	lost, err := tracer.Lost()
	for _, l := range lost {
		if l.Total > 0 {
			fmt.Fprintf(w, "%d calls of %s were lost\n", l.Total, l.Kind)
		}
	}
	return err
}

// What the example shows is so.
func TestExample(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	need.Program(t, "unshare")
	var out strings.Builder
	if err := watch(&out, "unshare", "-n", "true"); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "unshare: unshare(CLONE_NEWNET) took it from net:[") || strings.Count(got, "\n") != 1 {
		t.Errorf("the example prints %q", got)
	}
}
