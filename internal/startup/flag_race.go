// SPDX-License-Identifier: Apache-2.0

//go:build race

package startup

// flag is a plain variable: sync/atomic calls the race detector, which knows nothing of the
// stacks that the runtime calls onWrite on (racecall, runtime/race_amd64.s, 1.26), and ends
// there with a signal.
type flag struct{ set bool }

//go:nosplit
//go:norace
func (f *flag) Load() bool { return f.set }

//go:nosplit
//go:norace
func (f *flag) Store(set bool) { f.set = set }

//go:nosplit
//go:norace
func (f *flag) Swap(set bool) bool {
	old := f.set
	f.set = set
	return old
}
