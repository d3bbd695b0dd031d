// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// helperEnv makes this program a hostile neighbour: its name and how many.
const helperEnv = "NSINSPECT_ENGINES_HELPER"

var helpers = map[string]func(many int) error{
	"fds":     holdManyFDs,
	"mounts":  holdManyMounts,
	"open":    holdManyOpen,
	"peak":    printPeak,
	"queues":  holdManyQueues,
	"sockets": holdManySockets,
}

// help is what a helper does: it holds things in a new network namespace, prints
// the inode of that, and ends when its standard input does.
func init() {
	if os.Getenv(helperEnv) != "" {
		runtime.LockOSThread() // the first one
	}
}

func help() {
	name, many, found := strings.Cut(os.Getenv(helperEnv), " ")
	if !found {
		return
	}
	n, err := strconv.Atoi(many)
	if err == nil {
		err = helpers[name](n)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// neighbour is a running helper.
type neighbour struct {
	pid   int
	inode uint64
}

// startNeighbour starts a helper that ends with the test.
func startNeighbour(t *testing.T, name string, many int) neighbour {
	t.Helper()
	runtime.LockOSThread() // the signal comes when the thread that forked ends
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", helperEnv, name, many), "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	cmd.Dir = t.TempDir()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
		runtime.UnlockOSThread()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	inode, parseErr := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
	if err != nil || parseErr != nil {
		t.Fatalf("start neighbour %s: %q, %v", name, line, err)
	}
	return neighbour{cmd.Process.Pid, inode}
}

// inNewNet opens a new network namespace, which no thread is in, and prints its
// inode when f has done what it does with the descriptor.
func inNewNet(f func(fd int) error) error {
	type opened struct {
		fd  int
		err error
	}
	c := make(chan opened)
	go func() {
		runtime.LockOSThread() // and ends
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			c <- opened{-1, fmt.Errorf("make a namespace: %w", err)}
			return
		}
		fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		c <- opened{fd, err}
	}()
	o := <-c
	if o.err != nil {
		return o.err
	}
	var st unix.Stat_t
	if err := unix.Fstat(o.fd, &st); err != nil {
		return err
	}
	if err := f(o.fd); err != nil {
		return err
	}
	unix.Close(o.fd)
	fmt.Println(st.Ino)
	return nil
}

// far is how many of many descriptors are namespace files, at the far end.
const far = 10

// raiseFiles has the process open as many files as it may.
func raiseFiles() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit: %w", err)
	}
	return nil
}

func holdManyFDs(many int) error {
	if err := raiseFiles(); err != nil {
		return err
	}
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return inNewNet(func(fd int) error {
		for i := 20; i < many; i++ {
			from := null
			if i >= many-far {
				from = fd
			}
			if err := unix.Dup3(from, i, unix.O_CLOEXEC); err != nil {
				return fmt.Errorf("open descriptor %d: %w", i, err)
			}
		}
		return nil
	})
}

// holdManyMounts makes a mount namespace with so many mounts more, every tenth
// of them of the network namespace.
func holdManyMounts(many int) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	return inNewNet(func(fd int) error {
		// The caller runs on the first thread: the process is where that is.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
			return fmt.Errorf("make a mount namespace: %w", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return err
		}
		if err := unix.Mount("hostile", dir, "tmpfs", 0, ""); err != nil {
			return err
		}
		for i := range many {
			path := filepath.Join(dir, strconv.Itoa(i))
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			from := path
			if i%10 == 9 {
				from = fmt.Sprintf("/proc/self/fd/%d", fd)
			}
			if err := unix.Mount(from, path, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("make mount %d: %w", i, err)
			}
		}
		return nil
	})
}

// holdManyQueues leaves a namespace file in the queue of each of many sockets.
func holdManyQueues(many int) error {
	return inNewNet(func(fd int) error {
		for range many {
			p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			if err := unix.Sendmsg(p[1], []byte{0}, unix.UnixRights(fd), nil, 0); err != nil {
				return fmt.Errorf("send a descriptor: %w", err)
			}
			unix.Close(p[1])
		}
		return nil
	})
}
