// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

// Looked waits until the tracer has looked at every thread for the first time.
func (t *Tracer) Looked() { <-t.tracker.ready }
