// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/resolve"
)

// identified returns in words what a snapshot has wrong about the identity of a
// scene's namespace. Each engine finds the same, whatever the holder; by proc alone
// what no path leads to stays unknown.
func identified(n *ns.Namespace, scene *nstest.Scene, userNS uint64, nsid bool) string {
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
				nstest.Eventually(t, func() string {
					wrong := identified(look(t, opts).Find(scene.Inode), scene, own.Ino, path || opensByID(t))
					if wrong != "" {
						wrong = engineNames[engine] + ": " + wrong
					}
					return wrong
				})
				if scene.Cookie == 0 { // before Linux 5.14
					continue
				}
				ref, err := resolve.ParseRef(fmt.Sprintf("cookie:%d", scene.Cookie))
				if err != nil {
					t.Fatal(err)
				}
				if _, n, err := resolve.Resolve(t.Context(), opts, nil, ref); err != nil || n.Inode != scene.Inode {
					t.Errorf("%s: by its cookie: %v, %v", engineNames[engine], n, err)
				}
			}
		})
	}
}

// opensByID reports whether the kernel opens any namespace that no path leads to,
// as Linux 6.18 does. Later ones open those alone that count as active: that no
// process is in, no file and no mount refers to, they do not (fs/nsfs.c,
// nsfs_fh_to_dentry, 6.19).
func opensByID(t *testing.T) bool {
	t.Helper()
	return need.KernelIs(t, 6, 18) && !need.KernelIs(t, 6, 19)
}
