// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

// TestTreesLikeLsns has namespaces of a container in a container be below the same ones in
// the trees of lsns and in ours, with both engines.
func TestTreesLikeLsns(t *testing.T) {
	need.Root(t)
	need.Program(t, "lsns", "unshare")
	testlock.Shared(t)
	nested := nest(t)
	for _, tree := range []string{"owner", "parent"} {
		for _, engine := range []string{"auto", "proc"} {
			nstest.Eventually(t, func() string {
				theirs, err := lsnsTree(t, tree)
				if err != nil {
					return fmt.Sprintf("lsns: %v", err) // as where a process ends while it looks
				}
				ours := ourTree(t, tree, engine)
				for _, inode := range nested {
					above, there := theirs[inode]
					if own, listed := ours[inode]; there && tree == "owner" && !listed || own != above && listed {
						return fmt.Sprintf("tree %s, engine %s: %s is below %q, with lsns below %q", tree, engine, inode, own, above)
					}
				}
				return ""
			})
		}
	}
	// What is known without lsns: the inner user namespace is below the outer one, which
	// owns it and its other namespaces; the inner PID namespace is below the outer one.
	outer, inner := nested[:3], nested[3:]
	owners, parents := ourTree(t, "owner", "auto"), ourTree(t, "parent", "auto")
	if owners[inner[0]] != outer[0] || owners[outer[1]] != outer[0] || owners[inner[1]] != inner[0] || parents[inner[2]] != outer[2] || parents[inner[0]] != outer[0] {
		t.Errorf("user, net, pid: %v and in it %v; owners %v %v %v, parents %v %v", outer, inner,
			owners[inner[0]], owners[outer[1]], owners[inner[1]], parents[inner[2]], parents[inner[0]])
	}
}

// nest makes user, network and PID namespaces, and again in these. It returns the inodes.
func nest(t *testing.T) []string {
	t.Helper()
	const show = `readlink /proc/self/ns/user /proc/self/ns/net /proc/self/ns/pid; `
	unshare := "unshare --user --map-root-user --net --pid --fork sh -c "
	cmd := exec.Command("sh", "-c", "exec "+unshare+`"$1"`, "sh", show+unshare+`'`+show+`read line'; true`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // the inner shell reads to the end, and with it all of them end
		_ = cmd.Wait()
	})
	var inodes []string
	for lines := bufio.NewScanner(out); len(inodes) < 6; {
		if !lines.Scan() {
			t.Fatalf("unshare made %v and ended", inodes)
		}
		_, inode, _ := strings.Cut(strings.TrimSuffix(lines.Text(), "]"), ":[")
		inodes = append(inodes, inode)
	}
	return inodes
}

// lsnsTree returns what each namespace is below in a tree of lsns, "" for nothing.
func lsnsTree(t *testing.T, tree string) (above map[string]string, err error) {
	t.Helper()
	out, err := exec.Command("lsns", "--json", "--tree="+tree, "--output", "NS").Output()
	if err != nil {
		return nil, err
	}
	type node struct {
		NS       json.Number `json:"ns"`
		Children []node      `json:"children"`
	}
	var root struct {
		Namespaces []node `json:"namespaces"`
	}
	if err := json.Unmarshal(out, &root); err != nil {
		t.Fatal(err)
	}
	above = map[string]string{}
	var climb func(string, []node)
	climb = func(from string, all []node) {
		for _, n := range all {
			above[n.NS.String()] = from
			climb(n.NS.String(), n.Children)
		}
	}
	climb("", root.Namespaces)
	return above, nil
}

// ourTree returns the same of list, by the children of each namespace.
func ourTree(t *testing.T, tree, engine string) map[string]string {
	t.Helper()
	var out, notes bytes.Buffer
	if status := run([]string{"list", "--tree", tree, "--engine", engine, "-o", "json"}, &out, &notes, nil); status != 0 {
		t.Fatalf("exit status %d: %s", status, notes.String())
	}
	var list struct {
		Namespaces []struct {
			Inode    uint64   `json:"inode"`
			Children []uint64 `json:"children"`
		} `json:"namespaces"`
	}
	if err := json.Unmarshal(out.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	above := map[string]string{}
	for _, n := range list.Namespaces {
		if _, ok := above[fmt.Sprint(n.Inode)]; !ok {
			above[fmt.Sprint(n.Inode)] = ""
		}
		for _, c := range n.Children {
			above[fmt.Sprint(c)] = fmt.Sprint(n.Inode)
		}
	}
	return above
}
