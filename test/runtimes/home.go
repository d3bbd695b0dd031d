// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/testlock"
)

const (
	homePrefix = "nsinspect-rt-"
	homeEnv    = "NSINSPECT_RUNTIMES_HOME" // in every process started for a home
	reapEnv    = "NSINSPECT_RUNTIMES_REAP" // makes this program the reaper of a home
	reaperLog  = "reaper.log"
)

// home is the directory of one runtime under test. All that the runtime makes is
// below it or carries its name, so that sweep finds it: at the end of the test,
// by the reaper when the test process ends, or at the start of the next run when
// the reaper died too.
//
// The flock on the directory shows that its test process is alive.
type home struct {
	dir    string
	lock   *os.File
	reaper *exec.Cmd
	alive  io.Closer // the reaper's standard input
}

// newHome makes a home that is swept when the test ends.
func newHome(t testing.TB) *home {
	t.Helper()
	testlock.Exclusive(t) // the names of its containers are the whole machine's
	h, err := createHome()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.close(); err != nil {
			t.Errorf("clean up %s: %v", h.dir, err)
		}
	})
	return h
}

// createHome makes a home with a reaper.
func createHome() (*home, error) {
	dir, err := os.MkdirTemp("", homePrefix)
	if err != nil {
		return nil, err
	}
	// The longest socket below is exec/containerd/containerd.sock.ttrpc, and
	// sun_path holds 107 bytes (unix(7)).
	if len(dir) > 65 {
		return nil, errors.Join(fmt.Errorf("make a home in %s: the path is too long for unix sockets", dir), os.Remove(dir))
	}
	lock, err := lockDir(dir, unix.LOCK_EX)
	if err != nil {
		return nil, fmt.Errorf("make a home: %w", err)
	}
	h := &home{dir: dir, lock: lock}
	if err := errors.Join(writeBefore(dir), h.startReaper()); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// close sweeps the home and lets its reaper go.
func (h *home) close() error {
	err := sweep(h.dir)
	h.lock.Close()
	if h.reaper != nil {
		h.alive.Close()
		err = errors.Join(err, h.reaper.Wait())
	}
	return err
}

// path is the absolute path of a file of the home.
func (h *home) path(elem ...string) string {
	return filepath.Join(append([]string{h.dir}, elem...)...)
}

// bridge is the name of the home's bridge; at most 15 bytes, since MkdirTemp
// appends an unsigned 32-bit number.
func (h *home) bridge() string { return bridgeOf(h.dir) }

func bridgeOf(dir string) string {
	return "nsrt" + strings.TrimPrefix(filepath.Base(dir), homePrefix)
}

// environ is what programs of this home run with: nothing of the user's but PATH.
func (h *home) environ(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, homeEnv + "=" + h.dir}, more...)
}

// mkdir makes a directory of the home and returns its path.
func (h *home) mkdir(t testing.TB, elem ...string) string {
	t.Helper()
	dir := h.path(elem...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// write makes a file of the home and returns its path.
func (h *home) write(t testing.TB, name, text string) string {
	t.Helper()
	path := h.path(name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// remember keeps the ID of a container or pod for the sweep, which could not
// find it once the runtime has removed it and left something behind.
func (h *home) remember(t testing.TB, id string) {
	t.Helper()
	h.mkdir(t, "ids")
	h.write(t, filepath.Join("ids", id), "")
}

// startReaper starts this program again to sweep the home once the test process
// is gone, by whatever death. In a session of its own it outlives a Ctrl-C.
func (h *home) startReaper() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), reapEnv + "=" + h.dir}
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	log, err := os.Create(h.path(reaperLog))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stderr = log
	if h.alive, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the reaper: %w", err)
	}
	h.reaper = cmd
	return nil
}

// reap is the reaper: it waits for the end of its standard input, which the
// death of the test process brings, and for the lock, which comes free with it
// but not at the same instant.
func reap(dir string) error {
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	lock, err := lockDir(dir, unix.LOCK_EX)
	if err != nil {
		return ignore(err, fs.ErrNotExist)
	}
	defer lock.Close()
	return sweep(dir)
}

// sweepLeftovers sweeps every home whose test process is dead.
func sweepLeftovers() error {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), homePrefix+"*"))
	for _, dir := range dirs {
		err = errors.Join(err, sweepDead(dir))
	}
	return err
}

// sweepDead sweeps the home in dir unless its test process runs. A directory
// that others than root may write is not ours, and could name victims to sweep.
func sweepDead(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return ignore(err, fs.ErrNotExist)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != 0 || st.Mode&0o022 != 0 {
		return nil
	}
	lock, err := lockDir(dir, unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		return ignore(err, unix.EWOULDBLOCK, fs.ErrNotExist)
	}
	defer lock.Close()
	return sweep(dir)
}

// lockDir takes the lock of a home; how is as for flock(2). Returns ErrNotExist
// if the home was swept meanwhile.
func lockDir(dir string, how int) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if _, err := os.Lstat(dir); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// before is what a runtime makes outside its home and never removes, and which
// was not there before: sweep removes it if nothing else uses it by then.
type before struct {
	Cgroups  []string // empty parents of containers' cgroups
	RunNetns bool     // /run/netns was no mount point
	LastLink int      // the highest interface index: later links have higher ones
}

func writeBefore(dir string) error {
	b := before{RunNetns: !isMountPoint(runNetns)}
	for _, l := range links() {
		b.LastLink = max(b.LastLink, l.index)
	}
	hierarchies, err := filepath.Glob("/sys/fs/cgroup/*")
	if err != nil {
		return err
	}
	for _, h := range append(hierarchies, "/sys/fs/cgroup") {
		slice := bridgeOf(dir) + ".slice"
		for _, name := range []string{"docker", "default", "libpod_parent", "libpod_parent/conmon", "lxc.pivot", slice, unitIn(slice)} {
			if path := filepath.Join(h, name); !exists(path) {
				b.Cgroups = append(b.Cgroups, path)
			}
		}
	}
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "before.json"), data, 0o600)
}

// unitIn is the cgroup of a unit in a slice, which TestUnit makes.
func unitIn(slice string) string {
	return filepath.Join(slice, strings.TrimSuffix(slice, ".slice")+".service")
}

func readBefore(dir string) before {
	var b before
	if data, err := os.ReadFile(filepath.Join(dir, "before.json")); err != nil || json.Unmarshal(data, &b) != nil {
		return before{} // died while it was written: nothing was started yet
	}
	return b
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// ignore returns err, or nil if it is one of those.
func ignore(err error, those ...error) error {
	for _, e := range those {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}
