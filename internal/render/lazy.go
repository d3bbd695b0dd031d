// SPDX-License-Identifier: Apache-2.0

package render

import "sync"

// lazy is a value that is made when it is first needed, not at the start of every command.
type lazy[T any] struct {
	make func() T

	once  sync.Once
	value T
}

func (l *lazy[T]) get() T {
	l.once.Do(func() { l.value = l.make() })
	return l.value
}
