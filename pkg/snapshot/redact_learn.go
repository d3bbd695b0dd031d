// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"path"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// learn meets every name of a snapshot, so that sentences which are written before those that
// have the name are without it as well.
func (r *Redaction) learn(f *File) {
	met := map[*owner.Owner]bool{}
	for i := range f.Snapshot.Namespaces {
		n := &f.Snapshot.Namespaces[i]
		for _, name := range n.Names {
			r.path(name.Path)
			r.path(name.Target)
		}
		for j := range n.Holders {
			h := &n.Holders[j]
			r.path(h.Path)
			device := h.Socket.Words().Device
			r.name(&device)
			if o := f.Owners.Holder(n, h); o != nil && !met[o] {
				met[o] = true
				r.owner(wire.NewOwner(o))
			}
		}
		for _, l := range n.Links {
			r.name(&l.Name)
			for _, alt := range l.AltNames {
				r.name(&alt)
			}
		}
		if o := f.Owners.Namespace(n); o != nil {
			r.owner(wire.NewOwner(o))
		}
	}
	for _, c := range f.Owners.Containers() {
		r.owner(wire.NewOwner(&c.Owner))
		r.parts(&c.Dir)
		r.parts(&c.Sandbox)
	}
	for _, d := range f.Snapshot.Dangling {
		r.path(d.Path)
		r.path(d.Target)
	}
	for _, gaps := range [][]ns.Gap{f.Snapshot.Gaps, f.Owners.Gaps()} {
		for _, g := range gaps {
			r.gap(&g.Path)
		}
	}
	host := f.Snapshot.Machine.Host
	r.name(&host)
}

// path meets a path, which sentences may have cut off.
func (r *Redaction) path(p string) {
	if ofKernel(p) {
		return
	}
	cut := text.Name(p)
	if r.parts(&p); strings.HasSuffix(cut, "…") {
		r.meet(p, cut)
	}
}

// ofKernel reports whether a path has only such names as the kernel gives.
func ofKernel(p string) bool {
	return (strings.HasPrefix(p, "/proc/") || strings.HasPrefix(p, "/sys/") && !strings.HasPrefix(p, cgroups)) && !strings.Contains(p, "/root/")
}

// gap replaces what could not be read: a path, or words.
func (r *Redaction) gap(p *string) {
	if strings.HasPrefix(*p, "/") && !ofKernel(*p) {
		r.parts(p)
	} else {
		r.sentence(p)
	}
}

// pathOf replaces a path, and leaves its bytes in base64 out.
func (r *Redaction) pathOf(p *string, bytes *[]byte) {
	*p, *bytes = path.Clean("/"+*p), nil
	r.parts(p)
}
