// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// kept is a namespace as it is read.
type kept struct {
	wire.Kept
	Holders held `json:"holders"`
}

// held are the holders of a namespace that are not members. Each is restored when it is read: what
// a file has of one takes several times the memory, and there can be half a million.
type held struct {
	all    []ns.Holder
	owners []*wire.Owner
	apart  []bool
	path   string // as in wire.Words
	err    error  // of the first that is none
}

// mostRoom is how many holders there is room for all the time.
const mostRoom = 1 << 12

func (h *held) add(w *wire.KeptHolder) {
	if h.err != nil {
		return
	}
	var one ns.Holder
	if one, h.err = holder(&w.Holder); h.err != nil {
		return
	}
	if h.path == "" {
		h.path = wire.PathOf(w)
	}
	h.all, h.owners, h.apart = append(h.all, one), append(h.owners, w.Owner), append(h.apart, w.Apart)
}

// empty leaves the room.
func (h *held) empty() {
	if cap(h.all) > mostRoom {
		*h = held{}
		return
	}
	clear(h.all)
	clear(h.owners)
	*h = held{all: h.all[:0], owners: h.owners[:0], apart: h.apart[:0]}
}

// take returns the holders behind some members, with room for them.
func (h *held) take(members []ns.Holder) []ns.Holder {
	if len(members) > 0 || len(h.all) <= mostRoom {
		return append(members, h.all...)
	}
	all := h.all
	h.all = nil
	return all
}

// UnmarshalJSON reads a list of wire.KeptHolder.
func (h *held) UnmarshalJSON(text []byte) error {
	h.empty()
	in := json.NewDecoder(bytes.NewReader(text))
	switch c := bytes.TrimSpace(text)[0]; c {
	case '[':
	case 'n':
		return nil
	default:
		return &json.UnmarshalTypeError{Field: "holders", Type: reflect.TypeFor[[]wire.KeptHolder]()}
	}
	_, err := in.Token()
	for err == nil && in.More() {
		var one wire.KeptHolder
		if err = in.Decode(&one); err == nil {
			h.add(&one)
		}
	}
	return err
}

// held reads a list of wire.KeptHolder into one that is empty.
func (s *scanner) held(to *held) bool {
	if len(to.all) > 0 || to.err != nil || !s.take('[') {
		return false
	}
	if s.take(']') {
		return true
	}
	one := new(wire.KeptHolder)
	for {
		if *one = (wire.KeptHolder{}); !record(s, one, holderField) {
			return false
		}
		to.add(one)
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}
