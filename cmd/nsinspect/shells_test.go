// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// shellLimit is how long a shell is waited for.
const shellLimit = time.Minute

// interactive is how a shell is started at a terminal without anybody's settings, and
// is made to report: the keys Control-X r write the line to a FIFO, with a NUL behind it.
type interactive struct {
	name   string
	files  func(dir, source string) map[string]string // that it reads when it starts
	start  func(dir string) []string
	script string // where the completion script is below that directory
	load   string // has the shell find it there; %s is the directory
}

// shells are all that there is a completion script for.
var shells = []interactive{
	{
		"bash",
		func(dir, source string) map[string]string {
			return map[string]string{"rc": `PS1='$ '
bind 'set completion-query-items 0'
bind 'set page-completions off'
report() { printf '%s\0' "$READLINE_LINE" >` + dir + `/report; }
bind -x '"\C-xr": report'
` + source}
		},
		func(dir string) []string { return []string{"bash", "--noprofile", "--rcfile", dir + "/rc", "-i"} },
		"completions/nsinspect", "BASH_COMPLETION_USER_DIR=%s; . /usr/share/bash-completion/bash_completion",
	},
	{
		"zsh",
		func(dir, source string) map[string]string {
			return map[string]string{".zshrc": `PS1='$ '
unsetopt beep zle_bracketed_paste; LISTMAX=10000
report() { printf '%s\0' "$BUFFER" >` + dir + `/report }
zle -N report; bindkey -e; bindkey '^Xr' report
autoload -Uz compinit; compinit -u -D
` + source}
		},
		func(string) []string { return []string{"zsh", "-d", "-i"} }, // ZDOTDIR is its directory
		"_nsinspect", "fpath=(%s $fpath); compinit -u -D",
	},
	{
		"fish",
		func(dir, source string) map[string]string {
			return map[string]string{"rc": `function fish_prompt; echo -n '$ '; end
function fish_greeting; end
function report; printf '%s\0' (commandline | string collect) >` + dir + `/report; end
set fish_autosuggestion_enabled 0
bind \cxr report
` + source}
		},
		func(dir string) []string {
			return []string{"fish", "--no-config", "--init-command", "source " + dir + "/rc"}
		},
		"nsinspect.fish", "set -p fish_complete_path %s",
	},
}

// typist types at a shell.
type typist struct {
	t      *testing.T
	dir    string // the current one of the shell
	master *os.File
	report *os.File
	shown  shown
}

// shown is what a terminal was sent.
type shown struct {
	sync.Mutex
	bytes.Buffer
}

func (s *shown) Write(b []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	return s.Buffer.Write(b)
}

// take returns it, and forgets it.
func (s *shown) take() string {
	s.Lock()
	defer s.Unlock()
	defer s.Reset()
	return s.String()
}

// startShell starts a shell at a terminal, which loads the completion script that the
// program prints. The shell is the first process of a PID namespace, where the mounts and the
// network are its own too; names are those in its /run/netns. Its current directory is
// empty.
func startShell(t *testing.T, shell interactive, load string, names ...string) *typist {
	t.Helper()
	need.Root(t)
	need.Program(t, shell.name, "ip")
	testlock.Shared(t)
	bin, program, err := programForAll()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(bin) })
	x := &typist{t: t, dir: t.TempDir()}
	settings := t.TempDir()
	for name, text := range shell.files(settings, strings.ReplaceAll(load, "%s", settings)+"\n") {
		x.write(filepath.Join(settings, name), text)
	}
	script, err := exec.Command(program, "completion", shell.name).Output()
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(settings, shell.script)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	x.write(at, string(script))
	if err := unix.Mkfifo(filepath.Join(settings, "report"), 0o600); err != nil {
		t.Fatal(err)
	}
	// For writing too, so that there is no end of file between two reports.
	if x.report, err = os.OpenFile(filepath.Join(settings, "report"), os.O_RDWR|unix.O_NONBLOCK, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.report.Close() })
	const prepare = `mount -t proc proc /proc && mount -t tmpfs run /run && mkdir /run/netns && ip link set lo up || exit
while test "$1" != --; do ip netns add "$1" || exit; shift; done
shift; exec "$@"`
	args := append([]string{"-c", prepare, "sh"}, names...)
	cmd := exec.Command("sh", append(append(args, "--"), shell.start(settings)...)...)
	cmd.Dir = x.dir
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + settings, "ZDOTDIR=" + settings, "TERM=xterm", "LC_ALL=C.UTF-8", "GORACE=" + os.Getenv("GORACE")}
	x.run(cmd)
	return x
}

// run starts a command at a new terminal, and waits for its first report.
func (x *typist) run(cmd *exec.Cmd) {
	x.t.Helper()
	master, slave := openTerminal(x.t)
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 160}); err != nil {
		x.t.Fatal(err)
	}
	x.master = master
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL,
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNET, Unshareflags: unix.CLONE_NEWNS,
	}
	if err := cmd.Start(); err != nil {
		x.t.Fatal(err)
	}
	slave.Close()
	read := make(chan struct{})
	go func() {
		defer close(read)
		for b := make([]byte, 4096); ; {
			n, err := master.Read(b)
			x.shown.Write(b[:n])
			if err != nil {
				return
			}
		}
	}()
	x.t.Cleanup(func() {
		cmd.Process.Kill() // and with it all in its PID namespace
		cmd.Wait()
		master.Close()
		<-read
	})
	x.press("") // it reads what was typed before it was there
}

func (x *typist) write(path, text string) {
	x.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		x.t.Fatal(err)
	}
}

// press presses keys on an empty line, and returns what is on the line then.
func (x *typist) press(keys string) (line string) {
	x.t.Helper()
	x.shown.take()
	if _, err := x.master.WriteString("\x05\x15" + keys + "\x18r"); err != nil { // end of line, kill line
		x.t.Fatal(err)
	}
	if err := x.report.SetReadDeadline(time.Now().Add(shellLimit)); err != nil {
		x.t.Fatal(err)
	}
	for b := make([]byte, 1); ; line += string(b) {
		if _, err := x.report.Read(b); err != nil {
			x.t.Fatalf("%q: no report: %v; the terminal has %q", keys, err, x.shown.take())
		}
		if b[0] == 0 {
			return line
		}
	}
}

// completes checks what keys make of the line. On a busy machine a shell may get no words in
// the time that it waits for them: they are typed again then.
func (x *typist) completes(keys, want string) {
	x.t.Helper()
	nstest.Eventually(x.t, func() string {
		if got := x.press(keys); got != want {
			return fmt.Sprintf("%q makes %q, want %q; the terminal has %q", keys, got, want, x.shown.take())
		}
		return ""
	})
}

// offers checks that after keys the terminal shows some words, in the end, and no others, ever.
func (x *typist) offers(keys string, want []string, not ...string) {
	x.t.Helper()
	nstest.Eventually(x.t, func() string {
		x.press(keys)
		text := x.shown.take()
		for _, w := range not {
			if strings.Contains(text, w) {
				x.t.Errorf("%q shows %q: %q", keys, w, text)
			}
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				return fmt.Sprintf("%q does not show %q, but %q", keys, w, text)
			}
		}
		return ""
	})
}

// untouched checks that nothing was created in the current directory of the shell.
func (x *typist) untouched() {
	x.t.Helper()
	files, err := os.ReadDir(x.dir)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() != "host" {
			x.t.Errorf("completion has made the file %q: it has executed what is on the line", f.Name())
		}
	}
}
