// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
)

// victimReport is what a victim made.
type victimReport struct {
	Token string
	Dir   string
	Made  []Truth
}

// victim makes one scene of each kind and a name in /run/netns, reports that, and
// waits for the end.
func victim() {
	work, err := workDir()
	r := victimReport{Token: token, Dir: work}
	for _, k := range Kinds() {
		s, e := Start(k, Options{})
		if errors.Is(e, errMissing) {
			continue
		}
		err = errors.Join(err, e)
		if e == nil {
			r.Made = append(r.Made, s.Truth)
		}
	}
	err = errors.Join(err, makeRunNetns())
	name, e := addName(filepath.Join(RunNetns, namePrefix+"blue\nsky"))
	r.Made = append(r.Made, name)
	if err = errors.Join(err, e); err != nil {
		fmt.Fprintln(os.Stderr, "victim:", err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(r)
	select {}
}

// TestParentKilled kills the process that made scenes of all kinds and wants
// nothing to stay.
func TestParentKilled(t *testing.T) {
	need.Root(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), victimEnv+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("read report of victim: %v", err)
	}
	var r victimReport
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatal(err)
	}
	for _, tr := range r.Made {
		checkAlive(t, tr.Namespace)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	for _, tr := range r.Made {
		if err := waitGone(tr.all()); err != nil {
			t.Errorf("%s: %v", tr.Scene, err)
		}
		checkGone(t, tr.Namespace)
	}
	if err := poll(30*time.Second, r.left); err != nil {
		t.Error(err)
	}
}

// left returns an error with what is left of a victim.
func (r *victimReport) left() error {
	var errs []error
	envs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, env := range envs {
		if text, _ := os.ReadFile(env); strings.Contains(string(text), tokenEnv+"="+r.Token) {
			errs = append(errs, fmt.Errorf("%s is of a child", env))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if strings.Contains(string(mounts), r.Token) {
		errs = append(errs, errors.New("a mount is left"))
	}
	if _, err := os.Lstat(r.Dir); err == nil {
		errs = append(errs, fmt.Errorf("%s is left", r.Dir))
	}
	if names, _ := filepath.Glob(filepath.Join(RunNetns, "*"+r.Token+"*")); len(names) > 0 {
		errs = append(errs, fmt.Errorf("%q are left", names))
	}
	return errors.Join(append(errs, err)...)
}

// TestStock checks that CheckLeaks finds each thing that it looks for.
func TestStock(t *testing.T) {
	need.Root(t)
	n := NewRunNames(t)
	tid, fd := 0, -1
	var leave func() error
	tests := []struct {
		want string
		make func() error
		end  func() error
	}{
		{"namespace net:[", nil, nil},
		{"mount ", nil, nil},
		{"file \"" + n.Path("leak"), nil, nil},
		{"own fd ", func() (err error) {
			fd, err = unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			return err
		}, func() error { return unix.Close(fd) }},
		{"own thread ", func() (err error) {
			tid, leave, err = park(func() error { return unix.Unshare(unix.CLONE_NEWNET) })
			return err
		}, func() error { return leave() }},
	}
	before, err := takeStock()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		var free func() error
		if tt.make == nil {
			free = n.Add("leak").Close
		} else if err := tt.make(); err != nil {
			t.Fatal(err)
		} else {
			free = tt.end
		}
		now, err := takeStock()
		if err == nil {
			err = now.since(before)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("with thread %d, fd %d: got %v, want %s", tid, fd, err, tt.want)
		}
		if err := free(); err != nil {
			t.Error(err)
		}
		if now, err = takeStock(); err != nil || now.since(before) != nil {
			t.Errorf("after %s: %v %v", tt.want, err, now.since(before))
		}
	}
}

// TestStockChild checks that a child is found while it runs.
func TestStockChild(t *testing.T) {
	need.Root(t)
	before, err := takeStock()
	if err != nil {
		t.Fatal(err)
	}
	s := Make(t, Process)
	now, err := takeStock()
	want := fmt.Sprintf("process %d (ns-process)", s.Child)
	if err != nil || now.since(before) == nil || !strings.Contains(now.since(before).Error(), want) {
		t.Errorf("got %v, want %s (%v)", now.since(before), want, err)
	}
}

// TestHeldLonger checks that Close fails if something else holds the namespace.
func TestHeldLonger(t *testing.T) {
	CheckLeaks(t)
	s := Make(t, FD)
	fd, err := unix.Open(s.File(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	limit := goneLimit
	goneLimit = 100 * time.Millisecond
	err = waitGone(s.all())
	goneLimit = limit
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("net:[%d]", s.Inode)) {
		t.Errorf("got %v, want word of net:[%d]", err, s.Inode)
	}
	if err := unix.Close(fd); err != nil {
		t.Fatal(err)
	}
}

func TestUnknownKind(t *testing.T) {
	need.Root(t)
	CheckLeaks(t)
	if s, err := Start("nothing", Options{}); err == nil || !strings.Contains(err.Error(), `no kind "nothing"`) {
		t.Errorf("got %v, %v", s, err)
	}
}
