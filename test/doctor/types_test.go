// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package doctor

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
)

// usedBy is what who-uses prints of a namespace.
type usedBy struct {
	Fix       []string
	Advice    []string
	Verdict   string
	Namespace struct{ Type string }
	text      string
}

// uses returns what the program prints about the namespace.
func (h *brokenHost) uses(t *testing.T) (u usedBy) {
	t.Helper()
	out, err := h.command("nsinspect", "who-uses", "-o", "json", fmt.Sprint(h.inode)).Output()
	if err != nil {
		t.Fatalf("who-uses: %v: %s", err, out)
	}
	if err := wiretest.Validate(out); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := json.Unmarshal(out, &u); err != nil {
		t.Fatal(err)
	}
	u.text = string(out)
	return u
}

// ended waits until no namespace of any type has the inode.
func (h *brokenHost) ended(t *testing.T, typ string) {
	t.Helper()
	for range 50 {
		if !h.listed(t, typ) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%d is still there: %s", h.inode, h.uses(t).text)
}

// What who-uses advises frees a namespace of any type, and touches nothing else.
func TestFixesOfTypes(t *testing.T) {
	const entered = `until [ "$(cat /proc/$!/comm)" = sleep ]; do sleep .02; done; `
	for _, c := range []struct{ name, typ, script string }{
		{"a process", "uts", `unshare -u sleep 600 & ` + entered + `ready /proc/$!/ns/uts`},
		{"a process", "ipc", `unshare -i sleep 600 & ` + entered + `ready /proc/$!/ns/ipc`},
		{"a process", "mnt", `unshare -m sleep 600 & ` + entered + `ready /proc/$!/ns/mnt`},
		{"a process", "user", `unshare -U sleep 600 & ` + entered + `ready /proc/$!/ns/user`},
		{"a process", "cgroup", `unshare -C sleep 600 & ` + entered + `ready /proc/$!/ns/cgroup`},
		{"the first process", "pid", `unshare -p --fork --kill-child sh -c 'readlink /proc/self >/run/x/there; exec sleep 600' &
until_there /run/x/there; p=$(pgrep -P $!); until [ "$(cat /proc/$p/comm)" = sleep ]; do sleep .02; done; ready /proc/$p/ns/pid`},
		{"a descriptor", "uts", `touch /run/x/ns; unshare --uts=/run/x/ns true; exec 7</run/x/ns; umount -l /run/x/ns
sleep 600 & exec 7<&-; ready /proc/$!/fd/7`},
		{"a descriptor", "mnt", `unshare -m sleep 600 & ` + entered + `p=$!; exec 7</proc/$p/ns/mnt; sleep 600 & exec 7<&-
kill $p; ready /proc/$!/fd/7`},
		{"a mount", "ipc", `touch /run/x/ns; unshare --ipc=/run/x/ns true; ready /run/x/ns`},
		{"all of them", "uts", `touch /run/x/ns; unshare --uts=/run/x/ns true; nsenter --uts=/run/x/ns sleep 600 & sleep 600 7</run/x/ns & ready /run/x/ns`},
	} {
		t.Run(c.typ+", "+c.name, func(t *testing.T) {
			h := breakHost(t, bystanders+c.script)
			u := h.uses(t)
			t.Logf("%s fix %q", u.Verdict, u.Fix)
			if u.Namespace.Type != c.typ {
				t.Errorf("it is of type %s", u.Namespace.Type)
			}
			before := h.watch(t)
			h.paste(t, u.Fix)
			h.ended(t, c.typ)
			h.untouched(t, before, u.text)
		})
	}
}
