// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"

	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Wanted is what an engine is to find.
type Wanted struct {
	Types   []ns.Type
	Balance uint64 // as of Options

	// HiddenFile is set after a round in which a network namespace's file was open somewhere,
	// and in no descriptor and at no mount that was found.
	HiddenFile bool
}

// Engine finds holders from inside the kernel, in place of the walk over /proc.
// It serves every source of the table that is marked kernel.
type Engine interface {
	// Name is what the snapshot calls the engine, as "bpf".
	Name() string
	// Find hands every holder that is wanted to the sink. What it could not
	// read it hands over as a gap; an error means that it found nothing.
	Find(ctx context.Context, wanted Wanted, sink *record.Sink) error
	// List hands the kernel's own list of network namespaces to the sink. It is called
	// after everything else was read: what is on a whole list and was not seen is not
	// older than what was looked at, and what was seen and is not on it has ended.
	List(sink *record.Sink)
	// Relations hands over what the namespaces that were read before refer to: who owns
	// them, and who is their parent.
	Relations(sink *record.Sink)
	// Close releases what the engine has in the kernel. It may be called twice.
	Close() error
}
