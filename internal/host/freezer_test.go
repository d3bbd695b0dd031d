// SPDX-License-Identifier: Apache-2.0

package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/hosttest"
)

func TestFreezerOf(t *testing.T) {
	h, err := Open(hosttest.New(t, `
-- sys/fs/cgroup/freezer/outer/freezer.state --
FROZEN
-- sys/fs/cgroup/freezer/outer/freezer.self_freezing --
1
-- sys/fs/cgroup/freezer/outer/a b/freezer.state --
FROZEN
-- sys/fs/cgroup/freezer/outer/a b/freezer.self_freezing --
0
-- sys/fs/cgroup/freezer/outer/twice/freezer.state --
FROZEN
-- sys/fs/cgroup/freezer/outer/twice/freezer.self_freezing --
1
-- sys/fs/cgroup/freezer/running/freezer.state --
THAWED
-- sys/fs/cgroup/unified/frozen/cgroup.events --
populated 1
frozen 1
-- sys/fs/cgroup/unified/running/cgroup.events --
populated 1
frozen 0
-- sys/fs/cgroup/user.slice/cgroup.events --
populated 1
frozen 1
-- sys/fs/cgroup/link -> user.slice --
-- proc (dir) --
`))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for cgroups, want := range map[string]Freezer{
		"":                                  {},
		"0::/\n":                            {},
		"0::/running\n":                     {},
		"0::/frozen\n":                      {V2: true},
		"0::/user.slice\n":                  {V2: true}, // where there is no other hierarchy
		"0::/link\n":                        {},
		"0::/../frozen\n":                   {}, // outside of the reader's cgroup namespace
		"7:freezer:/running\n0::/running\n": {},
		"7:freezer:/\n0::/\n":               {},
		"7:freezer:/outer\n0::/\n":          {V1: []string{"/sys/fs/cgroup/freezer/outer/freezer.state"}},
		"7:cpu,freezer:/outer/a b\n":        {V1: []string{"/sys/fs/cgroup/freezer/outer/freezer.state"}},
		"7:freezer:/outer/twice\n0::/frozen\n": {V2: true, V1: []string{
			"/sys/fs/cgroup/freezer/outer/twice/freezer.state", "/sys/fs/cgroup/freezer/outer/freezer.state",
		}},
		"7:name=freezer:/outer\n": {},
		"7:freezer:/none\n":       {},
	} {
		got := h.FreezerOf(cgroups)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", cgroups, diff)
		}
		if got.Frozen() != (got.V2 || len(got.V1) > 0) {
			t.Errorf("%q: %+v is frozen: %v", cgroups, got, got.Frozen())
		}
	}
}
