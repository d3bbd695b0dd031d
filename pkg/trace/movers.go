// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/mounts"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Where programs are installed.
var (
	bins    = []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"}
	bundles = []string{"/snap/docker/current/bin", "/snap/microk8s/current/bin", "/var/lib/rancher/k3s/data/current/bin", "/var/lib/rancher/rke2/bin"}
	helpers = []string{"/usr/libexec/podman", "/usr/lib/podman", "/usr/local/libexec/podman", "/usr/local/lib/podman"}
)

// movers is the one table of programs that move threads between namespaces as their work:
// another is a row. ip is none, nor are nsenter and unshare: who runs these does what a
// trace is to show.
var movers = []struct {
	name     string
	dirs     [][]string
	programs []string // nil: all in these directories
	copies   bool     // it executes a copy of itself without a name
}{
	{"runc", [][]string{bins, bundles, {"/usr/lib/cri-o-runc/sbin"}}, []string{"runc", "docker-runc"}, true},
	{"crun", [][]string{bins, bundles, helpers}, []string{"crun"}, true},
	{"youki", [][]string{bins}, []string{"youki"}, true},
	{"docker", [][]string{bins, bundles}, []string{"dockerd", "docker-proxy"}, false},
	{"containerd", [][]string{bins, bundles}, []string{"containerd", "containerd-shim", "containerd-shim-runc-v1", "containerd-shim-runc-v2"}, false},
	{"cri-o", [][]string{bins}, []string{"crio", "pinns"}, false},
	{"podman", [][]string{bins, helpers}, []string{"podman", "conmon", "netavark", "aardvark-dns", "rootlessport"}, false},
	{"buildah", [][]string{bins}, []string{"buildah"}, false},
	{"k3s", [][]string{bins, bundles}, []string{"k3s"}, false},
	{"lxc", [][]string{bins, {"/usr/libexec/lxc", "/usr/lib/x86_64-linux-gnu/lxc", "/usr/lib/aarch64-linux-gnu/lxc"}}, []string{"lxc-start", "lxc-execute", "lxc-attach", "lxc-user-nic", "lxc-monitord"}, true},
	{"incus, lxd", [][]string{bins, {"/usr/libexec/incus", "/usr/lib/incus", "/opt/incus/bin", "/snap/lxd/current/bin"}}, []string{"incusd", "lxd"}, false},
	{"systemd", [][]string{bins, {"/usr/lib/systemd", "/lib/systemd"}}, []string{"systemd", "systemd-executor", "systemd-nspawn"}, false},
	{"cni", [][]string{{"/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"}}, nil, false},
}

// lookEvery is how often programs are looked for again, that may have been installed since.
const lookEvery = time.Second

// Movers finds which calls are of known movers. It goes by authority: a program counts by
// its file, which only root can have put where it is, and only while root executes it.
type Movers struct {
	host    *host.Host
	mnt     uint64          // the host's own mount namespace
	known   map[File]string // by the name of their row
	others  map[File]bool
	looked  time.Time
	copying map[string]bool // names of rows
}

// NewMovers finds the movers that are installed. h must stay open.
func NewMovers(h *host.Host) *Movers {
	m := &Movers{host: h, mnt: h.InitialNamespaces()[ns.Mnt], copying: map[string]bool{}}
	for _, row := range movers {
		m.copying[row.name] = row.copies
	}
	m.look()
	return m
}

// Mover returns which known mover made a call, "" if none did. Events need Options.Identify.
func (m *Movers) Mover(e *Event) string {
	c := &e.Caller
	if !c.Root || c.Program.Inode == 0 {
		return ""
	}
	if name := m.find(c.Program); name != "" || !c.Unlinked {
		return name
	}
	// A program without a name may be a copy that a runtime has made of itself, so that a
	// container cannot write to it. In a mount namespace of a container it may be anyone's.
	if name := m.find(c.Parent); m.copying[name] && e.From[ns.Mnt].Inode == m.mnt && m.mnt != 0 {
		return name
	}
	return ""
}

// find returns the row of a program. One that was not seen before has it look again.
func (m *Movers) find(f File) string {
	if name, ok := m.known[f]; ok || m.others[f] {
		return name
	}
	if time.Since(m.looked) > lookEvery {
		m.look()
	}
	if len(m.others) == maxOthers {
		clear(m.others)
	}
	name := m.known[f]
	m.others[f] = name == ""
	return name
}

// maxOthers bounds how many programs are known that are none.
const maxOthers = 4096

// maxPrograms bounds how many entries of a directory are read.
const maxPrograms = 1 << 16

// look finds the programs of the table.
func (m *Movers) look() {
	m.looked = time.Now()
	m.known, m.others = map[File]string{}, map[File]bool{}
	devices, err := superblocks()
	if err != nil {
		return // nothing is excluded then
	}
	for _, row := range movers {
		for _, dirs := range row.dirs {
			for _, dir := range dirs {
				for _, program := range m.in(dir, row.programs) {
					if f, ok := m.file(path.Join(dir, program), devices); ok {
						m.known[f] = row.name
					}
				}
			}
		}
	}
}

// in returns the programs of a directory that are there: of these, or all.
func (m *Movers) in(dir string, programs []string) []string {
	fd, err := m.host.OpenDir(dir)
	if err != nil {
		return nil
	}
	file := os.NewFile(uintptr(fd), dir)
	defer file.Close()
	entries, err := file.ReadDir(maxPrograms)
	if err != nil {
		return nil
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
	}
	if programs == nil {
		for name := range there {
			programs = append(programs, name)
		}
		return programs
	}
	var found []string
	for _, name := range programs {
		if there[name] {
			found = append(found, name)
		}
	}
	return found
}

// file returns the program at a path; ok is false if others than root may change it.
func (m *Movers) file(name string, devices map[int]uint64) (f File, ok bool) {
	fd, err := m.host.Locate(name)
	if err != nil {
		return File{}, false
	}
	defer unix.Close(fd)
	by, err := m.host.Authority(name)
	var st unix.Statx_t
	if err != nil || by.Source != ns.OfRoot && by.Source != ns.OfKernel ||
		unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st) != nil ||
		st.Mode&unix.S_IFMT != unix.S_IFREG || st.Uid != 0 {
		return File{}, false
	}
	device, there := devices[int(st.Mnt_id)]
	if !there {
		device = unix.Mkdev(st.Dev_major, st.Dev_minor)
	}
	return File{device, st.Ino}, true
}

// superblocks returns the device of the superblock of each mount: stat(2) returns others
// for the files of btrfs and overlay.
func superblocks() (map[int]uint64, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	defer f.Close()
	all, err := mounts.Parse(f)
	if len(all) == 0 {
		return nil, errors.Join(errors.New("read mounts: there are none"), err)
	}
	devices := make(map[int]uint64, len(all))
	for _, one := range all {
		devices[one.ID] = deviceOf(one)
	}
	return devices, nil
}

func deviceOf(m *mountinfo.Info) uint64 { return unix.Mkdev(uint32(m.Major), uint32(m.Minor)) }
