// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// patience is how long the mount namespaces of users may take together. The kernel goes up from
// each mount to the root to show it (fs/d_path.c, prepend_path, and fs/namespace.c,
// is_path_reachable, 6.18), so that a hundred thousand of them, each in the one before, take minutes.
var patience = 5 * time.Second

// unasked is what a mount namespace may take before its owner is looked up. Most take a tenth.
const unasked = time.Millisecond

// tooSlowError is that mounts of users were not read any more.
type tooSlowError struct{}

func (tooSlowError) Error() string {
	return fmt.Sprintf("the mounts of users were not read within %s", patience)
}

// effort is what the mount namespaces of one scan take beside our own.
type effort struct {
	all, users atomic.Int64 // nanoseconds

	once   sync.Once
	owners map[uint64]int // of those that the kernel lists, by inode
}

// meter measures what one mount namespace takes.
type meter struct {
	effort *effort
	whose  func() ns.Authority // controls it
	since  time.Time
	took   time.Duration
	asked  bool
	users  bool
}

func (s *Scan) meter(whose func() ns.Authority) *meter {
	return &meter{effort: &s.effort, whose: whose, since: time.Now()}
}

// listed returns the meter of a mount namespace that is known by the kernel's list.
func (s *Scan) listed(inode uint64) *meter {
	return s.meter(func() ns.Authority {
		s.effort.once.Do(func() { s.effort.owners, _ = ownersOf(nil) }) // those that are not there are not known
		if uid, ok := s.effort.owners[inode]; ok {
			return s.host.AuthorityOf(uid)
		}
		return ns.UnknownAuthority
	})
}

// check returns an error if the namespace is a user's, and those have taken too long.
func (m *meter) check() error {
	now := time.Now()
	took := now.Sub(m.since)
	m.since = now
	m.took += took
	all := m.effort.all.Add(int64(took))
	switch {
	case m.users:
		m.effort.users.Add(int64(took))
	case !m.asked && (m.took > unasked || all > int64(patience)):
		m.asked = true
		if m.users = !m.whose().Trusted; m.users {
			m.effort.users.Add(int64(m.took))
		}
	}
	if m.users && m.effort.users.Load() > int64(patience) {
		return tooSlowError{}
	}
	return nil
}
