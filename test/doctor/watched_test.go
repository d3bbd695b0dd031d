// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package doctor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// paths is what untouched takes for paths that a fix may change.
func paths(all ...string) string {
	var text strings.Builder
	for _, path := range all {
		fmt.Fprintf(&text, "\"path\": %q\n", path)
	}
	return text.String()
}

// The fix of a broken name changes that name, and nothing else.
func TestFixesOfNames(t *testing.T) {
	const both = `mkdir -p /run/docker/netns; touch /run/docker/netns/web; unshare --net=/run/docker/netns/web true; ip netns add web; `
	for _, c := range []struct {
		check, script string
		paths         []string
	}{
		{"leftover-file", `: >/run/netns/old; echo 0`, []string{"/run/netns/old"}},
		{"dangling-link", `ln -s /proc/4194303/ns/net /run/netns/gone; echo 0`, []string{"/run/netns/gone"}},
		{"duplicate-name", both + `echo 0`, []string{"/run/docker/netns/web", "/run/docker/netns/web-2", "/run/netns/web", "/run/netns/web-2"}},
		{"duplicate-name", `ip netns add web; mkdir -p /run/docker/netns; sleep 600 & ln -s /proc/$!/ns/net /run/docker/netns/web; echo 0`,
			[]string{"/run/docker/netns/web", "/run/docker/netns/web-2", "/run/netns/web", "/run/netns/web-2"}},
		{"covered-name", `ip netns add web; ready /run/netns/web >/run/x/i; unshare -n mount --bind /proc/self/ns/net /run/netns/web; cat /run/x/i`,
			[]string{"/run/netns/web", "/run/netns/web-2"}},
	} {
		t.Run(c.check, func(t *testing.T) {
			h := breakHost(t, bystanders+c.script)
			found := func() []printedFinding {
				return h.report(t, func(f printedFinding) bool { return f.Check == c.check && slices.Contains(c.paths, f.Path) })
			}
			all := found()
			if len(all) != 1 {
				t.Fatalf("findings %+v, want one of %s", all, c.check)
			}
			before := h.watch(t)
			t.Logf("fix %q, advice %q", all[0].Fix, all[0].Advice)
			h.paste(t, all[0].Fix)
			h.untouched(t, before, paths(c.paths...))
			if left := found(); len(left) > 0 {
				t.Errorf("still found: %+v", left)
			}
		})
	}
}

// usersHost is a script that makes, by a user's hand, all that a report is on: a namespace
// that root's daemon has in the queue of its socket, or has taken from there; names in that
// user's directory that lead to nothing; namespaces mounted among mounts of that user's own
// with an umount to run, and one that root has mounted where that user can redirect the way.
// The inodes are in /run/x/inodes, and what root must not run would make /run/u/pwned.
const usersHost = `mkdir -p /run/u /run/h/d /run/user/1000/netns; : >/run/h/d/ns; chown -R 1000 /run/u /run/h /run/user/1000
as_user() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }
cat >/run/x/daemon <<'X'
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
open(sys.argv[1] + ".bound", "w")
if sys.argv[2] == "takes":
    kept = s.recvmsg(1, socket.CMSG_SPACE(4))
    open(sys.argv[1] + ".taken", "w")
time.sleep(600)
X
cat >/run/x/send <<'X'
import array, os, socket, sys
f = os.open("/proc/self/ns/net", os.O_RDONLY)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [f]))], 0, sys.argv[1])
print(os.fstat(f).st_ino)
X
for does in takes waits; do
	python3 /run/x/daemon /run/x/$does $does &
	until_there /run/x/$does.bound; chmod 666 /run/x/$does
	as_user unshare -Urn python3 /run/x/send /run/x/$does >>/run/x/inodes
done
until_there /run/x/takes.taken
as_user sh -c ': >/run/user/1000/netns/left; ln -s /proc/4194303/ns/net /run/user/1000/netns/gone; ln -s /run/by/file /run/user/1000/netns/file'
cat >/run/u/sh <<'X'
cd /run/u; : >pin; printf '#!/bin/sh\nid >/run/u/pwned\n' >umount; chmod 755 umount
exec unshare -Urm bash -c 'unshare -n sh -c "mount --bind /proc/self/ns/net /run/u/pin"; mount --bind /run/u/umount /usr/bin/umount; stat -c %i pin >i; : >there; exec sleep 600'
X
setpriv --reuid 1000 --regid 1000 --clear-groups bash /run/u/sh & until_there /run/u/there; cat /run/u/i >>/run/x/inodes
unshare -m --propagation private sh -c 'unshare --net=/run/h/d/ns true; stat -c %i /run/h/d/ns >>/run/x/inodes; : >/run/x/private; exec sleep 600' &
until_there /run/x/private; rm /run/x/private
echo 0`

// Every fix that is printed on a host made by a user's hand touches what is that user's.
func TestFixesOnUsersHost(t *testing.T) {
	h := breakHost(t, bystanders+usersHost)
	out, err := h.command("cat", "/run/x/inodes").Output()
	if err != nil {
		t.Fatal(err)
	}
	inodes := strings.Fields(string(out))
	all := h.report(t, func(f printedFinding) bool {
		return f.Subject != nil && slices.Contains(inodes, fmt.Sprint(f.Subject.Inode)) || strings.HasPrefix(f.Path, "/run/user/")
	})
	var commands []string
	about := map[string]int{}
	for _, f := range all {
		about[f.Check]++
		for _, command := range slices.Concat(f.Fix, f.Alternative) {
			if !slices.Contains(commands, command) { // else it has ended the process by then
				commands = append(commands, command)
			}
		}
	}
	for check, least := range map[string]int{"held-elsewhere": 2, "foreign-mount": 2, "leftover-file": 1, "dangling-link": 1} {
		if about[check] < least {
			t.Errorf("%d findings of %s, want %d: %+v", about[check], check, least, all)
		}
	}
	its, err := h.command("pgrep", "-u", "1000", "-P", fmt.Sprint(h.pid)).Output()
	if err != nil {
		t.Fatalf("no process of the user's: %v", err)
	}
	uses := ""
	for _, pid := range strings.Fields(string(its)) {
		uses += fmt.Sprintf("\"pid\": %s,\n", pid)
	}
	before := h.watch(t)
	t.Logf("fixes %q", commands)
	h.paste(t, commands)
	h.untouched(t, before, uses)
}
