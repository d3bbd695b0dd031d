// SPDX-License-Identifier: Apache-2.0

package ns

import "time"

// Age says since when a namespace is there, as well as that can be known, and
// how it is known. The kernel does not keep when a namespace was made: it is at
// least as old as a file of it that has been kept since, and about as old as the
// oldest process in it.
type Age struct {
	Since time.Time // zero if nothing tells
	From  AgeFrom
}

// AgeFrom is what tells an age.
type AgeFrom string

// What tells an age.
const (
	FromBoot    AgeFrom = "boot"    // it is the host's own
	FromName    AgeFrom = "name"    // its file was made to be mounted then: it is no younger
	FromFile    AgeFrom = "file"    // the same of one that is only open
	FromProcess AgeFrom = "process" // the oldest process in it was started then
)

// Add takes another word on the age, if it is older than what is known.
func (a *Age) Add(since time.Time, from AgeFrom) {
	if since.IsZero() || !a.Since.IsZero() && !since.Before(a.Since) {
		return
	}
	a.Since, a.From = since, from
}
