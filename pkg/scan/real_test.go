// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/fd/fdtest"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestMain(m *testing.M) {
	nstest.Main()
	os.Exit(fdtest.Run(m))
}

func scanLive(t *testing.T, opts Options) *ns.Snapshot {
	t.Helper()
	snap, err := Scan(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// holderKey is what a scene's truth and a snapshot have in common of a holder.
type holderKey struct {
	Kind     string
	PID, TID int
	Path     string
	MountNS  uint64
	MountID  int
}

func truthOf(holders []nstest.Holder) []holderKey {
	var all []holderKey
	for _, h := range holders {
		k := holderKey{h.Kind, h.PID, h.TID, h.Path, h.MountNS, h.MountID}
		if h.Kind == "mount" {
			k.PID = 0
		}
		all = append(all, k)
	}
	return all
}

func holdersOf(n *ns.Namespace) []holderKey {
	var all []holderKey
	for _, h := range n.Holders {
		k := holderKey{h.Kind.String(), int(h.PID), int(h.TID), h.Path, h.MountNS, int(h.MountID)}
		if h.Kind == ns.KindMount {
			k.PID = 0 // any process that sees it
		}
		all = append(all, k)
	}
	return all
}

// scanFor finds the namespace of a scene with its holders, and no others.
func scanFor(t *testing.T, scene *nstest.Scene) (n *ns.Namespace) {
	t.Helper()
	if !nstest.Eventually(t, func() string {
		if n = scanLive(t, Options{}).Find(scene.Inode); n == nil {
			return fmt.Sprintf("%s:[%d] not found", scene.Type, scene.Inode)
		}
		return diffOf("holders", truthOf(scene.Holders), holdersOf(n))
	}) {
		t.FailNow()
	}
	return n
}

// diffOf returns in words how a scan differs from the truth.
func diffOf(what string, truth, got any) string {
	if diff := cmp.Diff(truth, got); diff != "" {
		return fmt.Sprintf("%s (-truth +got):\n%s", what, diff)
	}
	return ""
}

// Each kind of holder alone keeps a namespace in the snapshot, with the right
// words; without its source, or without the holder, it is not there.
func TestOneHolder(t *testing.T) {
	for kind, source := range map[nstest.Kind]string{
		nstest.Process: "process", nstest.Thread: "thread", nstest.ZombieLeader: "thread", nstest.Mount: "mount",
		nstest.MountPrivate: "mount", nstest.MountFD: "mount", nstest.MountMount: "mount",
	} {
		t.Run(string(kind), func(t *testing.T) {
			if kind == nstest.MountFD || kind == nstest.MountMount {
				listsMountNamespaces(t)
			}
			nstest.CheckLeaks(t)
			scene := nstest.Make(t, kind)
			n := scanFor(t, scene)
			if kind == nstest.Process && (n.Leader == nil || n.Leader.PID != ns.TaskID(scene.Holders[0].PID)) {
				t.Errorf("leader %+v, want pid %d", n.Leader, scene.Holders[0].PID)
			}
			if source == "mount" {
				checkSeer(t, &n.Holders[0], &scene.Holders[0])
			}
			others := slices.DeleteFunc(Sources(), func(s string) bool { return s == source || s == "kernel" })
			nstest.Eventually(t, func() string {
				if n := scanLive(t, Options{Sources: others}).Find(scene.Inode); n != nil {
					return fmt.Sprintf("found without the source %s: %+v", source, n.Holders)
				}
				return ""
			})
			scene.Free()
			nstest.Eventually(t, func() string { return leftOf(scanLive(t, Options{}), scene) })
		})
	}
}

// leftOf returns in words which holder of a scene a snapshot still has.
func leftOf(snap *ns.Snapshot, scene *nstest.Scene) string {
	n := snap.Find(scene.Inode) // another namespace may have its inode by now
	if n == nil {
		return ""
	}
	for _, h := range holdersOf(n) {
		if slices.Contains(truthOf(scene.Holders), h) {
			return fmt.Sprintf("still there when its holder is gone: %+v", h)
		}
	}
	return ""
}

// Names as users create them, in the real names directory.
func TestNames(t *testing.T) {
	nstest.CheckLeaks(t)
	dir := nstest.NewRunNames(t)
	inodes := map[string]uint64{}
	for _, odd := range nstest.OddNames {
		inodes[dir.Path(odd)] = dir.Add(odd).Inode
	}
	process := nstest.Make(t, nstest.Process)
	dir.Bind("second", process)
	inodes[dir.Path("second")] = process.Inode
	inodes[dir.Symlink("linked", process.File())] = process.Inode
	under := dir.Add("stacked")
	inodes[dir.Path("stacked")] = dir.Add("stacked").Inode

	dangling := dir.Symlink("dangling", "/proc/4194304/ns/net")
	others := []string{dir.FIFO("fifo"), dir.Socket("socket"), dir.Device("device"), dir.Directory("dir"), dir.File("file", ""), dangling}

	snap := scanLive(t, Options{})
	got := map[string]uint64{}
	for _, n := range snap.Namespaces {
		for _, name := range n.Names {
			got[name.Path] = n.Inode
		}
	}
	for path, inode := range inodes {
		if got[path] != inode {
			t.Errorf("name %q is of %d, want %d", path, got[path], inode)
		}
	}
	if n := snap.Find(process.Inode); len(n.Names) != 2 || n.Names[0].Kind != ns.NameSymlink || n.Names[1].Kind != ns.NameMount {
		t.Errorf("names of one namespace: %+v, want a symlink and a mount", n.Names)
	}
	if n := snap.Find(under.Inode); n == nil || len(n.Names) != 0 || !n.Holders[0].Covered {
		t.Errorf("the namespace under another's name: %+v, want a covered mount and no name", n)
	}
	for _, path := range others {
		if !slices.ContainsFunc(snap.Dangling, func(s ns.DanglingName) bool { return s.Path == path }) {
			t.Errorf("%q is not among the dangling names %+v", path, snap.Dangling)
		}
	}
}

func TestNamesDirThatIsALink(t *testing.T) {
	dir := nstest.NewNames(t)
	scene := dir.Add("blue")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir.Dir, link); err != nil {
		t.Fatal(err)
	}
	snap := scanLive(t, Options{NamesDirs: []string{link, dir.Dir}})
	n := snap.Find(scene.Inode)
	if n == nil || len(n.Names) != 1 || n.Names[0].Path != dir.Path("blue") {
		t.Errorf("namespace %+v, want one name, by the directory's own path", n)
	}
}

// The same machine read through another root, as from a container's /host.
func TestRootedHost(t *testing.T) {
	dir := nstest.NewNames(t)
	process := nstest.Make(t, nstest.Process)
	dir.Symlink("linked", process.File())
	bound := dir.Add("bound")

	h, err := host.Open("/proc/self/root/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if h.Live() || h.Recorded() {
		t.Fatalf("host %+v, want another root with a real proc", h)
	}
	snap := scanLive(t, Options{Host: h, NamesDirs: []string{dir.Dir}})
	for inode, want := range map[uint64]ns.Name{
		process.Inode: {Name: "linked", Path: dir.Path("linked"), Kind: ns.NameSymlink, Target: process.File()},
		bound.Inode:   {Name: "bound", Path: dir.Path("bound"), Kind: ns.NameMount},
	} {
		n := snap.Find(inode)
		if n != nil && len(n.Names) == 1 {
			if n.Names[0].Made.IsZero() {
				t.Errorf("name %+v, want it with the time it was made", n.Names[0])
			}
			n.Names[0].Made, n.Names[0].Authority = want.Made, want.Authority
		}
		if n == nil || len(n.Names) != 1 || n.Names[0] != want {
			t.Errorf("namespace %+v, want the name %+v", n, want)
		}
	}
}

func ownNet(t *testing.T) uint64 {
	t.Helper()
	link, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	_, inode, ok := ns.ParseLink(link)
	if !ok {
		t.Fatalf("odd link %q", link)
	}
	return inode
}
