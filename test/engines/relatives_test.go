// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// flagsEnv has the CLONE_NEW* flags that each process of a family starts the next one with.
const flagsEnv = "NSINSPECT_ENGINES_FLAGS"

func init() { helpers["family"] = startNext }

// startNext starts the next process of a family and ends, unless the next one is the first
// of a PID namespace. The last one prints its PID.
func startNext(int) error {
	flags, rest, _ := strings.Cut(os.Getenv(flagsEnv), " ")
	if flags == "" {
		pid, err := os.Readlink("/proc/self") // as the PID namespace that /proc is of numbers it
		fmt.Println(pid)
		return err
	}
	cmd, err := familyCommand(flags, rest)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err = cmd.Start(); err == nil && cmd.SysProcAttr.Cloneflags&unix.CLONE_NEWPID != 0 {
		err = cmd.Wait()
	}
	if err == nil {
		os.Exit(0)
	}
	return err
}

func familyCommand(flags, rest string) (*exec.Cmd, error) {
	clone, err := strconv.ParseUint(flags, 0, 32)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperEnv+"=family 0", flagsEnv+"="+rest, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: uintptr(clone)}
	if clone&unix.CLONE_NEWUSER != 0 {
		root := []syscall.SysProcIDMap{{Size: 1}}
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = root, root
	}
	return cmd, nil
}

// relatives are the namespaces of a family whose last process alone is left, but for the
// first ones of PID namespaces.
type relatives struct {
	t    *testing.T
	pid  string // of the last process
	stop func()
}

// startFamily starts a chain of processes, each in the new namespaces of its flags.
func startFamily(t *testing.T, flags ...int) *relatives {
	t.Helper()
	need.Root(t)
	testlock.Shared(t)
	var words []string
	for _, f := range flags {
		words = append(words, strconv.Itoa(f))
	}
	cmd, err := familyCommand(words[0], strings.Join(words[1:], " "))
	if err != nil {
		t.Fatal(err)
	}
	stdin, hold, err := os.Pipe() // not cmd's own, which its Wait closes
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, os.Stderr
	err = cmd.Start()
	stdout.Close()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // else it would be in its namespaces as a zombie
	f := &relatives{t: t, stop: sync.OnceFunc(func() { hold.Close(); <-ended })}
	t.Cleanup(f.stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if f.pid = strings.TrimSpace(line); err != nil || f.pid == "" {
		t.Fatalf("start family: %q, %v", line, err)
	}
	return f
}

// end ends the processes of the family.
func (f *relatives) end() {
	f.t.Helper()
	f.stop()
	nstest.Eventually(f.t, func() string {
		if _, err := os.Stat("/proc/" + f.pid); err == nil {
			return "process " + f.pid + " is still there"
		}
		return ""
	})
}

// open opens a namespace of the last process.
func (f *relatives) open(typ ns.Type) *os.File {
	f.t.Helper()
	file, err := os.Open("/proc/" + f.pid + "/ns/" + typ.String())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { file.Close() })
	return file
}

// inode returns that of a namespace of the last process.
func (f *relatives) inode(typ ns.Type) uint64 {
	f.t.Helper()
	file := f.open(typ)
	defer file.Close()
	return inodeOf(f.t, file)
}

// above returns the inode that a request leads to from an open namespace.
func above(t *testing.T, file *os.File, request uint) uint64 {
	t.Helper()
	fd, err := unix.IoctlRetInt(int(file.Fd()), request)
	if err != nil {
		t.Fatal(err)
	}
	parent := os.NewFile(uintptr(fd), "namespace")
	defer parent.Close()
	return inodeOf(t, parent)
}

func inodeOf(t *testing.T, file *os.File) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// members returns what holds a namespace, a word each: a child as its type and inode.
func members(n *ns.Namespace) []string {
	if n == nil {
		return []string{"not listed"}
	}
	words := []string{}
	for _, h := range n.Holders {
		if h.Kind == ns.KindChild {
			words = append(words, h.Child.String())
		} else {
			words = append(words, h.Kind.String())
		}
	}
	return words
}
