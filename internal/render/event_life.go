// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nsinspect/nsinspect/internal/wire"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// Life adds one step in the life of a namespace:
//
//	12:03:44.120394  ip[4242]  created 4026532177
//	12:03:44.221005            named blue (4026532177)
//	12:04:01.300713            freed blue (4026532177) after at most 17.2s
//
// One of another type than net is written user:[4026532301].
func (e *Events) Life(out []byte, l *lifecycle.Event) []byte {
	if e.json {
		return appendRecord(out, wire.NewTraceLifecycle(l))
	}
	out = appendClock(out, l.Time)
	out = append(out, "  "...)
	e.cell = e.cell[:0]
	if l.By != nil {
		e.cell = appendWho(e.cell, l.By.Comm, l.By.PID, l.By.TID)
	}
	out = e.appendCell(out, &e.who, maxWho, "")
	line := fmt.Sprintf("  %s %s", l.Kind, lifePlace(l))
	if l.Kind == lifecycle.Unnamed {
		line = fmt.Sprintf("  %s %s: no more called %s", l.Kind, lifeNumber(l), joinNames(l.Names))
	}
	if l.Lived > 0 {
		line += fmt.Sprintf(" after at most %s", shortly(l.Lived))
	}
	return e.appendTail(out, Escape(line))
}

// shortly rounds a time for people.
func shortly(d time.Duration) time.Duration {
	if d > 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

func lifePlace(l *lifecycle.Event) string {
	if len(l.Names) == 0 {
		return lifeNumber(l)
	}
	return fmt.Sprintf("%s (%s)", joinNames(l.Names), lifeNumber(l))
}

func lifeNumber(l *lifecycle.Event) string {
	if l.Type != ns.Net {
		return ns.FormatLink(l.Type, l.NS.Inode)
	}
	return strconv.FormatUint(l.NS.Inode, 10)
}
