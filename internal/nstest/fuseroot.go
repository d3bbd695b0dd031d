// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// silentRootEnv is set in a process that SilentRoot has started, to where the file system is
// mounted.
const silentRootEnv = "NSTEST_SILENT_ROOT"

func init() {
	if dir := os.Getenv(silentRootEnv); dir != "" {
		fmt.Fprintln(os.Stderr, "nstest: move into a silent file system:", moveInto(dir))
		os.Exit(2)
	}
}

// SilentRoot starts a process with the name of a daemon and namespaces of its own, whose root
// directory is on a FUSE file system that never answers, and returns its PID. Who waits for
// that is let go by end, which is called at the end of the test, too. It needs mounts of the
// test's own.
func SilentRoot(t *testing.T) (pid int, end func()) {
	t.Helper()
	dir := t.TempDir()
	end = HangingFS(t, dir)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{silentRootEnv + "=" + dir}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end()
		in.Close()
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "there\n" {
		t.Fatalf("the process: %q, %v", line, err)
	}
	return cmd.Process.Pid, end
}

// moveInto makes a mount the root directory of the process, and waits. No file of it is asked for:
// to enter a mount namespace is to stand on what is mounted on its root (fs/namespace.c,
// mntns_install, 6.18).
func moveInto(dir string) error {
	runtime.LockOSThread() // the first thread, whose root directory is that of the process
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
		return err
	}
	own, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Mount(dir, "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Setns(own, unix.CLONE_NEWNS); err != nil {
		return err
	}
	name := []byte("dockerd\x00")
	if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0); err != nil {
		return err
	}
	fmt.Println("there")
	_, err = os.Stdin.Read(make([]byte, 1))
	return err
}
