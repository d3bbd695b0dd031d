// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// called is what others call something.
type called []ns.Alias

func (c called) Aliases(context.Context, *ns.Snapshot, string, bool) ([]ns.Alias, error) {
	return c, nil
}

// The process of a container is one of its own, also where it shares a namespace with others,
// and a user's word leads to none.
func TestProcessOf(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	self, parent := ns.TaskID(os.Getpid()), ns.TaskID(os.Getppid())
	n := &ns.Namespace{Type: ns.Net, Inode: inodeOfOwnNet(t), Leader: &ns.Process{PID: 1, Born: 1}}
	trusted := ns.Authority{Trusted: true}
	for name, test := range map[string]struct {
		ref   string
		known called
		want  ns.TaskID
		err   string
	}{
		"a name":             {"blue", nil, 1, ""},
		"a number":           {"pid:" + self.String(), nil, self, ""},
		"self":               {"self", nil, self, ""},
		"a container":        {"web", called{{PID: self, Authority: trusted}}, self, ""},
		"one without":        {"web", called{{Net: n.Inode, Authority: trusted}}, 0, "no process of web is known"},
		"one elsewhere":      {"docker:web", called{{PID: 4194304, Authority: trusted}}, 0, "no process of docker:web is known"},
		"two":                {"web", called{{PID: self, Authority: trusted}, {PID: parent, Authority: trusted}}, 0, "fits 2 processes"},
		"a pod":              {"pod:default/web", called{{Net: n.Inode, Authority: trusted}}, 1, ""},
		"a user's word":      {"web", called{{PID: self, Authority: ns.UserAuthority(1000)}}, 1, ""},
		"a user's container": {"user:1000/web", called{{PID: self, Authority: ns.UserAuthority(1000)}}, self, ""},
	} {
		r, err := ParseRef(test.ref)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := r.Process(t.Context(), h, test.known, &ns.Snapshot{}, n)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: process %d, %v, want %d, %q", name, got, err, test.want, test.err)
		}
	}
}
