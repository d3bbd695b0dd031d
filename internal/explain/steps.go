// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"iter"
	"strings"
)

// How much of many steps a sentence has; Commands and Advice have all.
const (
	mostOfOneKind = 3
	mostSteps     = 8
)

// phrases makes phrases of steps, one after the other. Of many like ones it counts those
// beyond the first.
type phrases struct {
	all   []string
	total int // with those that all has not

	last    Fix      // the step before
	objects []string // of the steps with the verb of last
	alike   int      // the last steps with its verb and noun
	fourth  string   // the object of the first of these that is not in objects
	left    int      // how many holders the steps from that on are for
}

// add adds a step.
func (p *phrases) add(f *Fix) {
	if p.alike > 0 && (f.verb == "" || f.verb != p.last.verb) {
		p.endVerb()
	} else if f.noun != p.last.noun {
		p.endNoun()
	}
	p.last = *f
	if p.alike++; p.alike <= mostOfOneKind {
		p.objects = append(p.objects, f.object)
		return
	}
	if p.left == 0 {
		p.fourth = f.object
	}
	p.left += 1 + f.more
}

// endNoun ends a row of steps with one verb and noun.
func (p *phrases) endNoun() {
	switch {
	case p.left == 1:
		p.objects = append(p.objects, p.fourth)
	case p.left > 1:
		p.objects = append(p.objects, fmt.Sprintf("%d more %s", p.left, p.last.noun))
	}
	p.alike, p.left = 0, 0
}

// endVerb ends a row of steps with one verb.
func (p *phrases) endVerb() {
	p.endNoun()
	if p.total++; p.total <= mostSteps {
		p.all = append(p.all, strings.TrimSpace(p.last.verb+" "+andJoin(p.objects)))
	}
	p.objects = p.objects[:0]
}

// end returns the phrases.
func (p *phrases) end() []string {
	if p.alike > 0 {
		p.endVerb()
	}
	if p.total > mostSteps {
		p.all = append(p.all, fmt.Sprintf("%d more steps (see -o json)", p.total-mostSteps))
	}
	return p.all
}

// steps returns phrases for some steps.
func steps(fixes iter.Seq[Fix]) []string {
	var p phrases
	for f := range fixes {
		p.add(&f)
	}
	return p.end()
}
