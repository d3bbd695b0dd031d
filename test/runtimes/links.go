// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const sysNet = "/sys/class/net"

// link is a network interface of this network namespace.
type link struct {
	name        string
	index, peer int // peer is the index of the other end of a veth, in whichever namespace that is
	master      bool
}

var dockerVeth = regexp.MustCompile(`^veth[0-9a-f]{7}$`)

func links() []link {
	var all []link
	for _, path := range globs(sysNet, "*") {
		l := link{name: filepath.Base(path), master: exists(path + "/master")}
		for file, into := range map[string]*int{"/ifindex": &l.index, "/iflink": &l.peer} {
			data, _ := os.ReadFile(path + file) // it may be gone: index 0
			*into, _ = strconv.Atoi(strings.TrimSpace(string(data)))
		}
		all = append(all, l)
	}
	return all
}

func removeLink(name string) error {
	if !exists(filepath.Join(sysNet, name)) {
		return nil
	}
	if out, err := exec.Command("ip", "link", "delete", name).CombinedOutput(); err != nil && exists(filepath.Join(sysNet, name)) {
		return fmt.Errorf("delete link %s: %w: %s", name, err, out)
	}
	return nil
}

// removeOrphans removes the veth pairs that a dockerd was killed over: named its
// way, younger than the home, both ends still here, neither in a bridge. One that
// lives leaves a pair like that for milliseconds only: if it stays it is nobody's.
func removeOrphans(after int) error {
	orphans := orphanVeths(after)
	if after == 0 || len(orphans) == 0 {
		return nil
	}
	time.Sleep(2 * time.Second)
	for _, l := range orphanVeths(after) {
		if slices.Contains(orphans, l) {
			if err := removeLink(l.name); err != nil {
				return err
			}
		}
	}
	return nil
}

func orphanVeths(after int) []link {
	byIndex := map[int]link{}
	for _, l := range links() {
		byIndex[l.index] = l
	}
	var orphans []link
	for _, l := range byIndex {
		peer, here := byIndex[l.peer]
		pair := here && peer.peer == l.index && dockerVeth.MatchString(l.name) && dockerVeth.MatchString(peer.name)
		if pair && l.index > after && !l.master && !peer.master {
			orphans = append(orphans, l)
		}
	}
	return orphans
}
