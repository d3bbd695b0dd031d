// SPDX-License-Identifier: Apache-2.0

package ns

import (
	"fmt"
	"strconv"
	"strings"
)

// Authority is whose word a fact is: who could have made it so, or could change it.
// The zero value is a user who is not known.
type Authority struct {
	Source  AuthoritySource
	Trusted bool   // it is the kernel's, root's, or that of the user who runs this program
	UID     uint32 // of a user; 0 if several users can change it, or it is not known which one can
}

// AuthoritySource is a class of authorities.
type AuthoritySource uint8

// The classes of authorities, from the least certain to the most.
const (
	OfUser AuthoritySource = iota
	OfRoot
	OfKernel
)

// Authorities that need no more to be said.
var (
	KernelAuthority  = Authority{Source: OfKernel, Trusted: true}
	RootAuthority    = Authority{Source: OfRoot, Trusted: true}
	UnknownAuthority = Authority{}
)

// UserAuthority returns the authority of a user, whom the reader does not trust.
func UserAuthority(uid int) Authority { return Authority{Source: OfUser, UID: uint32(max(uid, 0))} }

// String returns the authority as JSON has it: "kernel", "root", "user:1000", and "user"
// for a user who is not known.
func (a Authority) String() string {
	switch {
	case a.Source == OfKernel:
		return "kernel"
	case a.Source == OfRoot:
		return "root"
	case a.UID == 0:
		return "user"
	}
	return "user:" + strconv.FormatUint(uint64(a.UID), 10)
}

// Suffix returns what a table and a sentence add to a fact: "" for one that is
// trusted, " (uid 1000)" for a user's.
func (a Authority) Suffix() string {
	switch {
	case a.Trusted:
		return ""
	case a.UID == 0:
		return " (uid unknown)"
	}
	return fmt.Sprintf(" (uid %d)", a.UID)
}

// And returns the authority of a fact that both authorities are needed for: what
// either can change. Two users are one who is not known.
func (a Authority) And(b Authority) Authority {
	switch {
	case a == b:
		return a
	case a.Source == OfUser && b.Source == OfUser:
		return UnknownAuthority
	case a.Source == OfUser:
		return a
	case b.Source == OfUser:
		return b
	}
	return Authority{Source: min(a.Source, b.Source), Trusted: a.Trusted && b.Trusted}
}

// userPrefix begins the form of a reference to something that a user has named.
const userPrefix = "user:"

// Qualify returns the reference to something by the name that this authority gives it:
// the name itself where that is trusted, else "user:1000/NAME".
func (a Authority) Qualify(name string) string {
	if a.Trusted {
		return name
	}
	return a.String() + "/" + name
}

// CutQualified splits a reference "user:1000/NAME" into the UID and the name.
func CutQualified(ref string) (uid int, name string, ok bool) {
	rest, ok := strings.CutPrefix(ref, userPrefix)
	if !ok {
		return 0, "", false
	}
	number, name, ok := strings.Cut(rest, "/")
	uid, err := strconv.Atoi(number)
	if !ok || err != nil || uid <= 0 || name == "" || strconv.Itoa(uid) != number {
		return 0, "", false
	}
	return uid, name, true
}
