// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"fmt"
	"slices"
)

// Aspects are parts of what Compare compares.
type Aspects uint8

// The aspects. Namespaces that were created or freed are compared in any case.
const (
	Processes Aspects = 1 << iota // processes and threads in a namespace that is in both snapshots
	Holders                       // all holders of one
	Names                         // names, dangling ones too
	Owners
	Links // links, addresses, and where the other ends of pairs are
	Findings
)

// aspects are their words, in the order of the constants.
var aspects = []string{"processes", "holders", "names", "owners", "links", "findings"}

// AspectWords returns the words that ParseAspects takes.
func AspectWords() []string { return append(slices.Clone(aspects), "none") }

// ParseAspects returns the aspects of some words; the word none stands for none.
func ParseAspects(words []string) (all Aspects, err error) {
	if len(words) == 0 {
		return 0, errors.New("no part is named")
	}
	for _, word := range words {
		i := slices.Index(aspects, word)
		switch {
		case i >= 0:
			all |= 1 << i
		case word == "none" && len(words) > 1:
			return 0, errors.New("none stands alone")
		case word != "none":
			return 0, fmt.Errorf("no part %q", word)
		}
	}
	return all, nil
}

// Has reports whether one of the given aspects is among them.
func (a Aspects) Has(b Aspects) bool { return a&b != 0 }

// Words returns the words of the aspects.
func (a Aspects) Words() []string {
	words := []string{}
	for i, word := range aspects {
		if a.Has(1 << i) {
			words = append(words, word)
		}
	}
	return words
}
