// SPDX-License-Identifier: Apache-2.0

package ns

import "time"

// Age is the time from which a namespace exists, as far as that can be known, and
// the fact that it was taken from. The kernel does not keep when a namespace was made: it is at
// least as old as a file of it that has been kept since, and about as old as the
// oldest process in it.
type Age struct {
	Since time.Time // zero if unknown
	From  AgeFrom
}

// AgeFrom is the fact that an age was taken from.
type AgeFrom string

// The facts that an age is taken from.
const (
	FromBoot    AgeFrom = "boot"    // it is the host's own
	FromName    AgeFrom = "name"    // its file was made to be mounted then: it is no younger
	FromFile    AgeFrom = "file"    // the same of one that is only open
	FromProcess AgeFrom = "process" // the oldest process in it was started then
)

// Add takes another fact on the age, if it is older than what is known.
func (a *Age) Add(since time.Time, from AgeFrom) {
	if since.IsZero() || !a.Since.IsZero() && !since.Before(a.Since) {
		return
	}
	a.Since, a.From = since, from
}
