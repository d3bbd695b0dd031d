// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"encoding/json"

	"github.com/nsinspect/nsinspect/internal/wire"
)

// zero is for what needs no room.
func zero[T any](one *T) { *one = *new(T) }

// each calls add for every object of a list, which empty makes empty again.
func each[T any](p *parser, add func(*T) error, field fieldOf[T], empty func(*T)) error {
	return eachOf(p, add, func(s *scanner, one *T) bool { return record(s, one, field) }, empty)
}

// eachOf is each for elements of any kind.
func eachOf[T any](p *parser, add func(*T) error, read func(*scanner, *T) bool, empty func(*T)) error {
	one := new(T)
	return p.in.list('[', ']', func() error {
		err := element(p, one, read, empty)
		if err == nil {
			err = add(one)
		}
		empty(one)
		return err
	})
}

// element reads an element of a list, which may be in the text in whole or not yet.
func element[T any](p *parser, one *T, read func(*scanner, *T) bool, empty func(*T)) error {
	if _, err := p.in.peek(); err != nil {
		return err
	}
	p.scan.text, p.scan.at = p.in.buf[p.in.at:], 0
	if read(&p.scan, one) {
		p.in.at += p.scan.at
		return nil
	}
	empty(one)
	text, err := p.in.value()
	if err != nil {
		return err
	}
	p.scan.text, p.scan.at = text, 0
	if read(&p.scan, one) && p.scan.at == len(text) {
		return nil
	}
	empty(one)
	return p.in.placed(json.Unmarshal(text, one), len(text))
}

// empty makes room for the next namespace: its names, links and holders have that of the last.
func empty(w *kept) {
	names, links := w.Names[:cap(w.Names)], w.Links[:cap(w.Links)]
	clear(names)
	clear(links)
	w.Holders.empty()
	w.Kept = wire.Kept{Names: names[:0], Links: links[:0]}
}
