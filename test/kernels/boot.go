// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// fetch has the kernel and the user land of its architecture in the cache.
func (k kernel) fetch(ctx context.Context, cache string) error {
	for dir, what := range map[string][]string{
		k.dir(cache):                             {k.suite, k.arch, "linux-image-cloud-" + k.arch},
		filepath.Join(cache, "userland-"+k.arch): {"bookworm", k.arch, "busybox-static", "dash", "iproute2", "util-linux"},
	} {
		args := append([]string{what[0], what[1], dir}, what[2:]...)
		cmd := exec.CommandContext(ctx, "test/kernels/fetch", args...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("fetch %s: %w\n%s", strings.Join(what[2:], ", "), err, out)
		}
	}
	return nil
}

// dir is where the kernel's packages are unpacked.
func (k kernel) dir(cache string) string { return filepath.Join(cache, k.suite+"-"+k.arch) }

// image is the file that QEMU boots.
func (k kernel) image(cache string) (string, error) {
	for _, pattern := range machines[k.arch].image {
		if found, err := filepath.Glob(filepath.Join(k.dir(cache), pattern)); err == nil && len(found) == 1 {
			return found[0], nil
		}
	}
	return "", fmt.Errorf("find the image of kernel %s below %s: none, or several", k.name, k.dir(cache))
}

// outcome is what one boot printed.
type outcome struct {
	results []byte // the second serial port
	console []byte
	took    time.Duration
	err     error // it did not come to its end: a panic, or out of time
}

var errInterrupted = errors.New("interrupted")

// boot starts a kernel and waits until it has switched the machine off.
func (k kernel) boot(ctx context.Context, cache, initrd, options string, limit time.Duration) outcome {
	image, err := k.image(cache)
	if err != nil {
		return outcome{err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	m := machines[k.arch]
	results := initrd + ".results"
	if err := os.WriteFile(results, nil, 0o600); err != nil {
		return outcome{err: fmt.Errorf("make results file: %w", err)}
	}
	defer os.RemoveAll(results)
	args := slices.Concat(m.qemu[1:], []string{"-m", "2048", "-smp", "1", "-nographic", "-nodefaults", "-no-reboot",
		"-kernel", image, "-initrd", initrd,
		"-append", fmt.Sprintf("console=%s panic=-1 oops=panic loglevel=5 nsinspect.results=%s %s", m.console, m.results, options),
		"-serial", "stdio", "-chardev", "file,id=results,path=" + results, "-device", m.port + ",chardev=results"})
	runtime.LockOSThread() // the signal comes when the thread that forked ends
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, m.qemu[0], args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var console lockedBuffer
	cmd.Stdout, cmd.Stderr = &console, &console
	begin := time.Now()
	err = cmd.Run()
	o := outcome{console: console.bytes(), took: time.Since(begin)}
	var readErr error
	o.results, readErr = os.ReadFile(results)
	switch {
	case ctx.Err() == context.Canceled:
		o.err = errInterrupted
	case ctx.Err() != nil:
		o.err = fmt.Errorf("kernel %s has not finished in %v", k.name, limit)
	case err != nil:
		o.err = fmt.Errorf("run QEMU: %w", err)
	case !bytes.Contains(o.results, []byte("@@done\n")):
		o.err = errors.New("the machine went down before its end: a panic?")
	}
	o.err = errors.Join(o.err, readErr)
	return o
}

// lockedBuffer collects what comes from two pipes.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.buf.Bytes())
}
