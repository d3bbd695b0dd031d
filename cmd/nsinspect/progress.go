// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// progressAfter is how long a command works without a word.
const progressAfter = time.Second

// progress is a line on a terminal that has what a command is doing, if that takes more than
// a second.
type progress struct {
	now  atomic.Value // string
	stop chan struct{}
	once sync.Once
	idle sync.WaitGroup
}

// progress begins a line on stderr, if that is a terminal.
func (a *app) progress(doing string) *progress {
	p := &progress{stop: make(chan struct{})}
	p.set(doing)
	if !isTerminal(a.stderr) {
		return p
	}
	p.idle.Go(func() {
		shown := false
		for wait := progressAfter; ; wait = 200 * time.Millisecond {
			select {
			case <-p.stop:
				if shown {
					fmt.Fprint(a.stderr, "\r\x1b[K")
				}
				return
			case <-time.After(wait):
				shown = true
				fmt.Fprintf(a.stderr, "\r\x1b[Knsinspect: %s", p.now.Load())
			}
		}
	})
	return p
}

func (p *progress) set(doing string) { p.now.Store(doing) }

// end takes the line away.
func (p *progress) end() {
	p.once.Do(func() { close(p.stop) })
	p.idle.Wait()
}
