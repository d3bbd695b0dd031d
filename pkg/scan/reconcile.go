// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// reconcile compares what the sources saw with the kernel's own list of network
// namespaces, and returns those that are not explained. They become namespaces that the
// kernel holds. What is not on a whole list has died since it was seen, and is dropped.
func (s *scanner) reconcile(snap *ns.Snapshot) (unexplained []open) {
	listed := make(map[uint64]record.Net, len(s.found.Nets))
	for _, k := range s.found.Nets {
		if k.Refs != 0 {
			listed[k.Inode] = k
		}
	}
	kept := snap.Namespaces[:0]
	for _, n := range snap.Namespaces {
		k, alive := listed[n.Inode]
		if n.Type == ns.Net && s.found.AllNets && !alive {
			continue
		}
		if n.Type == ns.Net && alive {
			if s.opts.Engine != nil || len(n.Holders) == 0 { // without one, that is for those that ask for details
				identify(&n, k)
			}
			delete(listed, n.Inode)
			if missing := s.settle(&n, k); len(n.Holders) == 0 { // known by a symlink alone
				n.Holders = []ns.Holder{kernelHolder(k.Refs)}
			} else if missing != 0 {
				o := open{id: idOf(k), missing: missing}
				if hasTask(&n) {
					o.total = k.Refs
				}
				unexplained = append(unexplained, o)
				if missing > 0 {
					n.Holders = append(n.Holders, kernelHolder(missing))
				}
			}
		}
		kept = append(kept, n)
	}
	for _, k := range s.found.Nets {
		if _, left := listed[k.Inode]; !left {
			continue
		}
		delete(listed, k.Inode)
		n := s.newNamespace(record.Key{Type: ns.Net, Inode: k.Inode})
		identify(&n, k)
		s.settle(&n, k)
		n.Holders = []ns.Holder{kernelHolder(k.Refs)}
		kept = append(kept, n)
		unexplained = append(unexplained, open{id: idOf(k), complete: true})
	}
	snap.Namespaces = kept
	return unexplained
}

func (s *scanner) newNamespace(k record.Key) ns.Namespace {
	return ns.Namespace{Type: k.Type, Inode: k.Inode, OwnerUID: -1, Initial: s.initial[k.Type] == k.Inode}
}

// idOf returns what a network namespace is recognised by in the next round.
func idOf(k record.Net) uint64 {
	if k.Cookie != 0 {
		return k.Cookie
	}
	return k.Inode
}

// kernelHolder is the holder of references that no other explains; refs may be
// record.RefsUnknown.
func kernelHolder(refs int) ns.Holder {
	return ns.Holder{Kind: ns.KindKernel, Refs: int32(max(refs, 0))}
}

// identify fills in what the kernel's list has of a namespace.
func identify(n *ns.Namespace, k record.Net) {
	n.Cookie = k.Cookie
	if k.UserNS != 0 {
		n.UserNS, n.OwnerUID = k.UserNS, k.UID
	}
}
