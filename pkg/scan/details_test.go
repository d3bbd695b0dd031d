// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// A recorded tree is not trusted: what stands in it for a thread's files leads
// nowhere out of it, blocks nobody and breaks nothing.
func TestHostileThreadFiles(t *testing.T) {
	const machine = "-- proc/7 (process) --\nnet 4026532500\n-- proc/7/task/8 (process) --\ncmdline plain\nnet 4026532600\n"
	for name, spoil := range map[string]func(task string) error{
		"cmdline leads out": func(task string) error {
			secret := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
				return err
			}
			return os.Symlink(secret, filepath.Join(task, "cmdline"))
		},
		"cmdline is a FIFO": func(task string) error { return unix.Mkfifo(filepath.Join(task, "cmdline"), 0o600) },
		"five UIDs": func(task string) error {
			return os.WriteFile(filepath.Join(task, "status"), []byte("Uid:\t0\t0\t0\t0\t0\n"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := hosttest.New(t, machine)
			task := filepath.Join(root, "proc/7/task/8")
			if name != "five UIDs" {
				if err := os.Remove(filepath.Join(task, "cmdline")); err != nil {
					t.Fatal(err)
				}
			}
			if err := spoil(task); err != nil {
				t.Fatal(err)
			}
			h, err := host.Open(root)
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			n := &ns.Namespace{Inode: 4026532600, Holders: []ns.Holder{{Kind: ns.KindThread, PID: 7, TID: 8}}}
			done := make(chan error, 1)
			go func() { done <- Describe(t.Context(), h, n) }()
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
			case <-time.After(time.Minute):
				t.Fatal("stuck")
			}
			if len(n.Holders) != 1 || n.Holders[0].Process.UID > 0 {
				t.Fatalf("holders %+v, want the one thread", n.Holders)
			}
			if c := n.Holders[0].Process.Cmdline; len(c) == 1 && c[0] == "secret" {
				t.Error("read a file outside of the root")
			}
		})
	}
}

// A process that takes another name all the time is no less in its namespace.
func TestProcessThatKeepsRenaming(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	name, err := os.OpenFile("/proc/self/comm", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer name.Close()
	was, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var renaming sync.WaitGroup
	renaming.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				name.Write(bytes.TrimSpace(was)) // a line end would become part of the name
				return
			default:
				fmt.Fprintf(name, "x%d", i)
			}
		}
	})
	defer renaming.Wait()
	defer close(stop)
	d, err := newDetails(h, true)
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if _, err := d.read(&ns.Holder{PID: ns.TaskID(os.Getpid())}, ns.Net, ownNet(t)); err != nil {
			t.Fatalf("read of a living process: %v", err)
		}
	}
}
