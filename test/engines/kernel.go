// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/bpfreader"
	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/scan/bpf"
)

var netsReader = sync.OnceValues(func() (*bpfreader.Reader, error) { return bpfreader.Open(bpfreader.Options{Passes: bpfreader.Nets}) })

// kernelNets reads the kernel's own list, by cookie or, before Linux 5.12, inode.
func kernelNets(t testing.TB) map[uint64]bpfreader.Net {
	t.Helper()
	need.Root(t)
	r, err := netsReader()
	if err != nil {
		need.Missing(t, "needs the kernel's list of namespaces: "+err.Error())
	}
	nets, err := r.Nets()
	if err != nil {
		t.Fatal(err)
	}
	byCookie := map[uint64]bpfreader.Net{}
	for _, n := range nets {
		id := n.Cookie
		if id == 0 {
			id = uint64(n.Inode)
		}
		byCookie[id] = n
	}
	return byCookie
}

// CheckKernel is to be called first in a test, which then has the machine to itself.
// It checks that at its end the kernel's list is what it was before, but for
// namespaces that a program other than our tests has made and holds.
func CheckKernel(t testing.TB) {
	t.Helper()
	testlock.Exclusive(t)
	before := kernelNets(t)
	t.Cleanup(func() {
		t.Helper()
		made := kernelNets(t)
		for cookie := range before {
			delete(made, cookie)
		}
		for end := time.Now().Add(30 * time.Second); len(made) > 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			now := kernelNets(t)
			for cookie := range made {
				if n, left := now[cookie]; !left || n.Refs == 0 {
					delete(made, cookie)
				}
			}
		}
		for _, n := range made {
			if why := blame(t, n); why != "" {
				t.Errorf("net:[%d], cookie %d, is on the kernel's list and was not before: %s", n.Inode, n.Cookie, why)
			}
		}
	})
}

// blame returns why this test is responsible for a namespace; "" if others are. What
// nothing visible explains is ours.
func blame(t testing.TB, n bpfreader.Net) string {
	t.Helper()
	opts := scan.Options{}
	if e, err := bpf.New(); err == nil {
		defer e.Close()
		opts.Engine = e
	}
	snap, err := scan.Scan(context.Background(), opts) // t's own ends before its cleanups
	if err != nil {
		return err.Error()
	}
	found := snap.Find(uint64(n.Inode))
	if found == nil || found.Cookie != n.Cookie {
		return ""
	}
	foreign := func(h ns.Holder) bool {
		return h.Kind == ns.KindMount && !strings.Contains(h.Path, "nstest") || h.PID != 0 && !descends(int(h.PID))
	}
	if slices.ContainsFunc(found.Holders, foreign) {
		return ""
	}
	return fmt.Sprintf("held by %+v", found.Holders)
}

// descends reports whether a process is this one or was started by it.
func descends(pid int) bool {
	for pid > 1 {
		if pid == os.Getpid() {
			return true
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		_, tail, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')'):], []byte(" "))
		fields := strings.Fields(string(tail))
		if len(fields) < 2 {
			return false
		}
		if pid, err = strconv.Atoi(fields[1]); err != nil {
			return false
		}
	}
	return false
}
