// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// scene is what the page shows. The template reads its fields.
type scene struct {
	Blue   actor // named by a bind mount, one process in it
	Lab    uint64
	Lab2   uint64 // a user's own namespace, of the same name as Lab
	Web    actor  // named by a symlink
	Agent  actor  // one thread of it is elsewhere
	Thread uint64 // that namespace
	Pod    uint64 // of a pod that has lost its processes
	TID    int

	Complete bool // nothing was unreadable
	Dropped  int  // namespaces of the machine's own that the page leaves out

	bin  string          // where the program is
	keep map[uint64]bool // namespaces that the page shows
	crew []*exec.Cmd
}

// actor is a process and the namespace it is in.
type actor struct {
	PID   int
	Inode uint64
}

const (
	namesDir  = "/run/netns"
	rootless  = "/run/user/1000/netns"
	stranger  = 65534 // an ordinary user: nobody
	scenePath = "/run/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

func playScene() error {
	s := &scene{bin: "/run/bin", keep: map[uint64]bool{}}
	defer s.strike()
	for _, step := range []func() error{s.clear, s.build, s.cast, s.props, s.look} {
		if err := step(); err != nil {
			return err
		}
	}
	page, err := s.page()
	if err != nil {
		return err
	}
	if err := s.stillOn(); err != nil {
		return err
	}
	_, err = os.Stdout.Write(page)
	return err
}

// stillOn fails if somebody left the scene before the page was written.
func (s *scene) stillOn() error {
	for link, want := range map[string]uint64{
		procPath(s.Blue.PID, "/ns/net"):                              s.Blue.Inode,
		procPath(s.Web.PID, "/ns/net"):                               s.Web.Inode,
		procPath(s.Agent.PID, fmt.Sprintf("/task/%d/ns/net", s.TID)): s.Thread,
	} {
		if got, err := inodeOf(link); err != nil {
			return fmt.Errorf("look whether all are still there: %w", err)
		} else if got != want {
			return fmt.Errorf("%s is namespace %d, and was %d", link, got, want)
		}
	}
	return nil
}

// clear takes the machine's own names out of sight: its nsfs mounts go from our
// copy of the mount table, and /run becomes an empty directory.
func (s *scene) clear() error {
	if err := os.WriteFile("/proc/self/comm", []byte("gendocs"), 0); err != nil {
		return fmt.Errorf("name the process: %w", err)
	}
	mounts, err := nsfsMounts()
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if err := unix.Unmount(m, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && err != unix.EINVAL {
			return fmt.Errorf("unmount %s in our own mount namespace: %w", m, err)
		}
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("cover /run: %w", err)
	}
	for _, dir := range []string{s.bin, namesDir, rootless, "/run/tmp"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("set the stage: %w", err)
		}
	}
	return nil
}

func nsfsMounts() ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	defer f.Close()
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var points []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); strings.Contains(lines.Text(), " - nsfs ") && len(fields) > 4 {
			points = append(points, unescape.Replace(fields[4]))
		}
	}
	return points, lines.Err()
}

// build puts the program onto the stage, with all that the compiler leaves.
func (s *scene) build() error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", s.bin+"/nsinspect", "./cmd/nsinspect")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOTMPDIR=/run/tmp")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build nsinspect: %w", err)
	}
	return nil
}

// cast makes the namespaces and the processes.
func (s *scene) cast() error {
	var err error
	if s.Blue, err = s.elsewhere(filepath.Join(namesDir, "blue"), "sleep", "1000"); err != nil {
		return err
	}
	lab, err := s.elsewhere(filepath.Join(namesDir, "lab"))
	if err != nil {
		return err
	}
	lab2, err := s.elsewhere(filepath.Join(rootless, "lab"))
	if err != nil {
		return err
	}
	if s.Web, err = s.elsewhere("", "sleep", "2000"); err != nil {
		return err
	}
	if s.Pod, err = s.pod(); err != nil {
		return err
	}
	s.Lab, s.Lab2 = lab.Inode, lab2.Inode
	if err := s.wire(); err != nil {
		return err
	}
	return s.hireAgent()
}

// wire gives blue a network: a veth, whose other end is in the host's namespace
// and goes with it.
func (s *scene) wire() error {
	for _, line := range []string{
		// The one of a run just before goes a moment after that has ended.
		"for i in $(seq 600); do test -e /sys/class/net/veth1a2b3c4 || break; sleep 0.1; done",
		fmt.Sprintf("ip link add veth1a2b3c4 type veth peer name eth7 address %s netns %d", s.MAC(), s.Blue.PID),
		"ip -n blue address add 10.0.0.7/24 dev eth7",
		"ip -n blue link set lo up",
	} {
		out, status, err := s.shell(0, line)
		if err != nil || status != 0 {
			return fmt.Errorf("%s: status %d: %s: %w", line, status, out, err)
		}
	}
	return nil
}

// MAC is the hardware address of eth7 in blue.
func (s *scene) MAC() string { return "02:42:0a:00:00:07" }

// pod makes the namespace of a pod whose processes are gone, and what containerd
// has written down of it.
func (s *scene) pod() (uint64, error) {
	const (
		id     = "4f1d0c5e7a9b3d2e6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6"
		name   = namesDir + "/cni-4f1d"
		bundle = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + id
	)
	if err := os.MkdirAll(bundle, 0o711); err != nil {
		return 0, fmt.Errorf("make a bundle: %w", err)
	}
	config := fmt.Sprintf(`{"annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-id":%q,`+
		`"io.kubernetes.cri.sandbox-name":"web-1","io.kubernetes.cri.sandbox-namespace":"default"},`+
		`"linux":{"namespaces":[{"type":"network","path":%q}]}}`, id, name)
	if err := os.WriteFile(bundle+"/config.json", []byte(config), 0o644); err != nil {
		return 0, fmt.Errorf("make a bundle: %w", err)
	}
	a, err := s.elsewhere(name)
	return a.Inode, err
}

// elsewhere makes a network namespace, binds it to a name and starts a process
// in it, each if asked for. A process without a name is an ordinary user's.
func (s *scene) elsewhere(name string, command ...string) (a actor, err error) {
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return a, fmt.Errorf("open own namespace: %w", err)
	}
	defer unix.Close(home)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return a, fmt.Errorf("make a network namespace: %w", err)
	}
	defer func() {
		if back := unix.Setns(home, unix.CLONE_NEWNET); back != nil {
			fmt.Fprintln(os.Stderr, "gendocs: return to own namespace:", back)
			os.Exit(1) // nothing that follows would be true
		}
	}()
	if a.Inode, err = inodeOf("/proc/thread-self/ns/net"); err != nil {
		return a, err
	}
	s.keep[a.Inode] = true
	if name != "" {
		if err := os.WriteFile(name, nil, 0o444); err != nil {
			return a, fmt.Errorf("make a name: %w", err)
		}
		if err := unix.Mount("/proc/thread-self/ns/net", name, "", unix.MS_BIND, ""); err != nil {
			return a, fmt.Errorf("bind a name: %w", err)
		}
	}
	if len(command) > 0 {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
		if name == "" {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: stranger, Gid: stranger}
		}
		a.PID, err = s.hire(cmd)
	}
	return a, err
}

func (s *scene) hire(cmd *exec.Cmd) (int, error) {
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", cmd.Args[0], err)
	}
	s.crew = append(s.crew, cmd)
	return cmd.Process.Pid, nil
}

// strike ends the processes. Mounts and files go with the mount namespace.
func (s *scene) strike() {
	for _, cmd := range s.crew {
		_ = cmd.Process.Kill() // if it fails, it has ended
		_ = cmd.Wait()         // an error only means that it was killed
	}
}

func inodeOf(name string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		return 0, fmt.Errorf("stat %s: %w", name, err)
	}
	return st.Ino, nil
}

func procPath(pid int, rest string) string { return "/proc/" + strconv.Itoa(pid) + rest }
