// SPDX-License-Identifier: Apache-2.0

package sos

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
)

func TestMain(m *testing.M) {
	nstest.Main()
	os.Exit(m.Run())
}

// secret is an argument of a program, which nothing but its command line has.
const secret = "token-of-a-customer"

// The machine's own sos runs the plugin, alone; what it writes has the namespaces that are there.
func TestPlugin(t *testing.T) {
	need.Root(t)
	need.Program(t, "sos", "unshare", "mount")
	testlock.Shared(t)
	host := newSOS(t)
	held := nstest.Make(t, nstest.Socket)
	inode := fmt.Sprintf(`"inode":%d`, held.Inode)
	startWithSecret(t)
	for _, tt := range []struct {
		name    string
		options []string
		doctor  bool
		secret  bool
		redact  bool
	}{
		{"default", nil, true, false, false},
		{"cmdline", []string{"-k", "nsinspect.cmdline=on"}, true, true, false},
		{"redact", []string{"-k", "nsinspect.redact=on"}, false, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := host.report(t, tt.options...)
			snapshot := gunzip(t, files["snapshot.json.gz"])
			if err := wiretest.Validate(snapshot); err != nil {
				t.Error(err)
			}
			if !bytes.Contains(snapshot, []byte(inode)) {
				t.Errorf("no %s in the snapshot", inode)
			}
			if got := bytes.Contains(snapshot, []byte(secret)); got != tt.secret {
				t.Errorf("a command line in the snapshot: %v, want %v", got, tt.secret)
			}
			if got := bytes.Contains(snapshot, []byte(`"redacted":true`)); got != tt.redact {
				t.Errorf("the snapshot is redacted: %v, want %v", got, tt.redact)
			}
			doctor, found := files["nsinspect_doctor"]
			if found != tt.doctor {
				t.Errorf("a report of doctor: %v, want %v", found, tt.doctor)
			}
			if first, _, _ := strings.Cut(string(doctor), " "); found && first != "OK:" && first != "WARNING:" && first != "CRITICAL:" && first != "UNKNOWN:" {
				t.Errorf("no report of doctor:\n%s", doctor)
			}
			if bytes.Contains(doctor, []byte(secret)) {
				t.Error("a command line in the report of doctor")
			}
		})
	}
}

// sos is what runs the plugin: the files in plugins are those in dir too, and bin has nsinspect.
type sos struct{ dir, plugins, bin string }

// newSOS returns the machine's sos with the plugin, and builds nsinspect.
func newSOS(t *testing.T) sos {
	t.Helper()
	program, err := exec.LookPath("sos")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(script), "\n")
	python := strings.Fields(strings.TrimPrefix(first, "#!"))
	python = append(python, "-c", "import sos.report.plugins as p; print(p.__path__[0])")
	dir, err := exec.Command(python[0], python[1:]...).Output()
	if err != nil {
		t.Fatalf("where the plugins of sos are: %v", err)
	}
	s := sos{strings.TrimSpace(string(dir)), filepath.Join(t.TempDir(), "plugins"), t.TempDir()}
	plugin, err := os.ReadFile("nsinspect.py")
	err = errors.Join(err, os.CopyFS(s.plugins, os.DirFS(s.dir)))
	err = errors.Join(err, os.WriteFile(filepath.Join(s.plugins, "nsinspect.py"), plugin, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", s.bin, "../../cmd/nsinspect")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build nsinspect: %v\n%s", err, out)
	}
	return s
}

// installed runs sos as if both were installed, with mounts of its own in which it can write to
// the directory out alone. /usr/sbin is in the path that sos uses, whatever it was started with.
const installed = `set -e
plugins=$1 dir=$2 bin=$3 out=$4
shift 4
mount --bind "$plugins" "$dir"
mount --bind "$bin" /usr/sbin
mount --bind "$out" "$out"
mount -o remount,bind,ro /
exec sos report --batch -z gzip -o nsinspect --tmp-dir "$out" "$@"`

// report runs sos and returns the files of the plugin in the archive, by name.
func (s sos) report(t *testing.T, options ...string) map[string][]byte {
	t.Helper()
	out := t.TempDir()
	args := append([]string{"--mount", "--propagation", "private", "sh", "-c", installed, "sh", s.plugins, s.dir, s.bin, out}, options...)
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	printed, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("sos: %v\n%s", err, printed)
	}
	archives, err := filepath.Glob(filepath.Join(out, "*.tar.gz"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("%d archives, error %v\n%s", len(archives), err, printed)
	}
	packed, err := os.ReadFile(archives[0])
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(gunzip(t, packed))); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(filepath.Dir(h.Name)) != "nsinspect" {
			continue
		}
		if files[filepath.Base(h.Name)], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func gunzip(t *testing.T, packed []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return unpacked
}

// startWithSecret starts a process in a network namespace of its own that has the secret among
// its arguments, and that ends with the test.
func startWithSecret(t *testing.T) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "read line", secret)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil && cmd.ProcessState == nil {
			t.Error(err)
		}
	})
}
