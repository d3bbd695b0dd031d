// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"testing"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Two containers of one runtime may have the same name where they are two daemons'. A user's,
// and one in another container, is no namesake of root's.
func TestNamesakes(t *testing.T) {
	k := known{byID: map[string]*Container{}}
	for _, c := range []struct {
		want bool
		Owner
	}{
		{true, Owner{Runtime: "docker", ID: "1", Name: "web", Authority: ns.RootAuthority}},
		{true, Owner{Runtime: "docker", ID: "2", Name: "web", Authority: ns.RootAuthority}},
		{false, Owner{Runtime: "podman", ID: "3", Name: "web", Authority: ns.RootAuthority}},
		{false, Owner{Runtime: "podman", ID: "4", Name: "web", Authority: ns.UserAuthority(1000)}},
		{false, Owner{Runtime: "docker", ID: "5", Name: "db", Authority: ns.RootAuthority}},
		{false, Owner{Runtime: "docker", ID: "6", Name: "db", Authority: ns.RootAuthority, Guest: true}},
		{false, Owner{Runtime: "docker", ID: "7", Authority: ns.RootAuthority}},
		{false, Owner{Runtime: "docker", ID: "8", Authority: ns.RootAuthority}},
	} {
		k.byID[c.ID] = &Container{Owner: c.Owner}
		defer func() {
			if got := k.byID[c.ID].Namesake; got != c.want {
				t.Errorf("%s: %v, want %v", c.ID, got, c.want)
			}
		}()
	}
	k.namesakes()
}
