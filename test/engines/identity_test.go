// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// identified says in words what a snapshot has wrong about whose a scene's
// namespace is. Each engine tells the same, whatever the holder; by proc alone
// what no path leads to stays unknown.
func identified(n *scan.Namespace, scene *nstest.Scene, userNS uint64, nsid bool) string {
	switch {
	case n == nil:
		return "not found"
	case n.Cookie != scene.Cookie:
		return fmt.Sprintf("cookie %d, want %d", n.Cookie, scene.Cookie)
	case n.UserNS != userNS || n.OwnerUID != 0:
		return fmt.Sprintf("owner user:[%d] of uid %d, want user:[%d] of uid 0", n.UserNS, n.OwnerUID, userNS)
	case nsid && (n.NSID == nil || *n.NSID != int(scene.NSID)):
		return fmt.Sprintf("nsid %v, want %d", n.NSID, scene.NSID)
	}
	return ""
}

func TestIdentity(t *testing.T) {
	engines := optionsOf(t)
	var own unix.Stat_t
	if err := unix.Stat("/proc/self/ns/user", &own); err != nil {
		t.Fatal(err)
	}
	for kind, path := range map[nstest.Kind]bool{
		nstest.Process: true, nstest.Thread: true, nstest.FD: true, nstest.FDThread: true, nstest.Mount: true,
		nstest.Socket: false, nstest.Tun: false, nstest.Mmap: false, nstest.Inflight: false,
		nstest.MountFD: false, nstest.ProcNet: false,
	} {
		t.Run(string(kind), func(t *testing.T) {
			nstest.CheckLeaks(t)
			CheckKernel(t)
			scene := nstest.Make(t, kind)
			for engine, opts := range engines {
				if engine == proc && !path {
					continue
				}
				opts.Details = true
				if wrong := settles(func() string {
					return identified(look(t, opts).Find(scene.Inode), scene, own.Ino, path || opensByID(t))
				}); wrong != "" {
					t.Errorf("%s: %s", engineNames[engine], wrong)
				}
				ref, err := scan.ParseRef(fmt.Sprintf("cookie:%d", scene.Cookie))
				if err != nil {
					t.Fatal(err)
				}
				if _, n, err := scan.Resolve(t.Context(), opts, ref); err != nil || n.Inode != scene.Inode {
					t.Errorf("%s: by its cookie: %v, %v", engineNames[engine], n, err)
				}
			}
		})
	}
}

// opensByID reports whether the kernel opens a namespace that no path leads to,
// as Linux does from 6.18 on, together with the ioctl that is asked for here.
func opensByID(t *testing.T) bool {
	t.Helper()
	fd, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	_, err = unix.IoctlGetInt(fd, unix.NS_GET_ID)
	return err == nil
}
