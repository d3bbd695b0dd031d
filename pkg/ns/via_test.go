// SPDX-License-Identifier: Apache-2.0

package ns_test

import (
	"testing"
	"unsafe"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestVia(t *testing.T) {
	before := ns.NoVia
	for via := ns.NoVia + 1; via <= ns.ViaUnmounted; via++ {
		if got, ok := ns.ViaOf(via.String()); !ok || got != via {
			t.Errorf("%d is %q, which is %d, %v", via, via, got, ok)
		}
		if via.String() <= before.String() {
			t.Errorf("%q comes after %q: holders are sorted by the number", via, before)
		}
		before = via
	}
	if via, ok := ns.ViaOf("nothing"); ok {
		t.Errorf("nothing is %q", via)
	}
}

// Each link to a namespace has a Via, but that to the one that a task is in.
func TestLinks(t *testing.T) {
	for _, typ := range ns.Types() {
		for i, link := range typ.Links() {
			via, ok := ns.ViaOf(link)
			if ok != (i > 0) {
				t.Errorf("link %d of %s is %s: %v", i, typ, link, ok)
			}
			if got := (&ns.Holder{Via: via}).Link(typ); got != link {
				t.Errorf("a holder by %s is taken for one by %s", link, got)
			}
		}
	}
	if got := (&ns.Holder{Via: ns.ViaPeer}).Link(ns.Net); got != "net" {
		t.Errorf("a closed peer is of the link %s", got)
	}
}

// There can be a hundred thousand holders.
func TestHolderIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(ns.Holder{}); size > 96 {
		t.Errorf("a holder takes %d bytes", size)
	}
}
