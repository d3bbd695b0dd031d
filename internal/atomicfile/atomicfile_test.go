// SPDX-License-Identifier: Apache-2.0

package atomicfile

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const writerEnv = "ATOMICFILE_TEST_WRITER"

func TestMain(m *testing.M) {
	if name := os.Getenv(writerEnv); name != "" {
		writeHalf(name)
	}
	os.Exit(m.Run())
}

// writeHalf writes a file, and is killed before it has a name.
func writeHalf(name string) {
	f, err := Create(name, 0o600)
	if err == nil {
		_, err = f.WriteString("half")
	}
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	println("written")
	select {}
}

// contents returns the files of a directory with what is in them.
func contents(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Name()+"="+string(text))
	}
	return strings.Join(all, " ")
}

func TestCommit(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x")
	for _, text := range []string{"old", "new"} {
		f, err := Create(name, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		if got := contents(t, dir); got != "x="+text {
			t.Error(got)
		}
	}
	if st, err := os.Stat(name); err != nil || st.Mode() != 0o640 {
		t.Errorf("%v %v", st.Mode(), err)
	}
	f, err := Create(name, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if got := contents(t, dir); got != "x=new" {
		t.Error(got)
	}
}

// What is new takes the name of nothing, with and without a name before.
func TestCommitNew(t *testing.T) {
	for _, unnamed := range []bool{true, false} {
		dir := t.TempDir()
		for i, want := range []string{"x", "y"} {
			f, err := Create(filepath.Join(dir, "x"), 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if !unnamed {
				f.Discard()
				temp, err := os.CreateTemp(dir, ".x.*")
				if err != nil {
					t.Fatal(err)
				}
				f = &File{temp, filepath.Join(dir, "x"), false}
			}
			if _, err := f.WriteString(want); err != nil {
				t.Fatal(err)
			}
			name, err := f.CommitNew(func() string { return filepath.Join(dir, "y") })
			if err != nil || name != filepath.Join(dir, want) {
				t.Errorf("file %d is %s, want %s: %v", i, name, want, err)
			}
		}
		f, err := Create(filepath.Join(dir, "x"), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.CommitNew(func() string { return filepath.Join(dir, "y") }); !errors.Is(err, fs.ErrExist) {
			t.Errorf("without another name: %v", err)
		}
		if got := contents(t, dir); got != "x=x y=y" {
			t.Error(got)
		}
	}
}

// A process that is killed leaves the old file, or none.
func TestKilled(t *testing.T) {
	for _, old := range []string{"", "x=old"} {
		dir := t.TempDir()
		name := filepath.Join(dir, "x")
		if old != "" {
			if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), writerEnv+"="+name)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(stderr).ReadString('\n')
		if err != nil || line != "written\n" {
			t.Errorf("%q %v", line, err)
		}
		_ = cmd.Process.Kill() // it has not ended by itself
		_ = cmd.Wait()         // its status is that of a killed process
		if got := contents(t, dir); got != old {
			t.Errorf("a killed process leaves %q, and there was %q", got, old)
		}
	}
}

// Nothing but a file is replaced.
func TestNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/etc/passwd", link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, link, "/dev/null"} {
		if f, err := Create(name, 0o600); err == nil {
			f.Discard()
			t.Errorf("%s is to be replaced", name)
		}
		if Check(name) == nil {
			t.Errorf("%s may be replaced", name)
		}
	}
	for _, where := range []string{"none", "link"} { // what is not there, and no directory
		name := filepath.Join(dir, where, "x")
		if _, err := Create(name, 0o600); err == nil {
			t.Errorf("a file in %s", where)
		}
		if Check(name) == nil {
			t.Errorf("a file may be made in %s", where)
		}
	}
	if err := Check(filepath.Join(dir, "x")); err != nil {
		t.Error(err)
	}
}
