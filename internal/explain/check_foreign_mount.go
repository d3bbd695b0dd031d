// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutForeignMount is what the check finds.
const AboutForeignMount = "a namespace without processes is mounted in another mount namespace only"

// ForeignMount writes about a namespace that mounts in other mount namespaces keep.
func (a *Adviser) ForeignMount(n *ns.Namespace) (t Text) {
	t.Summary = "no process is in it: mounts in other mount namespaces keep it"
	for i := range n.Holders {
		if h := &n.Holders[i]; h.Kind == ns.KindMount && !h.Lone() {
			t.See(fmt.Sprintf("mounted at %s in %s%s", cmp.Or(h.Path, "no path"), a.where(h), h.Authority.Suffix()))
		}
	}
	t.Meaning = "A container that was given the host's /run, or a service with mounts of its own, has a copy of a name that was taken away here. " +
		"It keeps the namespace until it unmounts it or ends."
	t.fixAll(a.Free(n))
	return t
}
