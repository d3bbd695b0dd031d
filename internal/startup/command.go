// SPDX-License-Identifier: Apache-2.0

package startup

import "unsafe"

// argv are the arguments as the kernel passes them, to a nil at the end; nil where the program
// started elsewhere than at start_*.s.
var argv *[1 << 20]*byte

// status returns the exit status of a program that a lack ends: 1, but 3 for doctor, where 1
// is a warning about the machine.
//
//go:nosplit
//go:norace
func status() uintptr {
	if argv != nil && commandIn(argv[:]) == "doctor" {
		return 3
	}
	return 1
}

// commandIn returns the command in arguments, of which the first is the program's name: the first
// one that is no flag, and no value of one; "" if there is none.
//
//go:nosplit
//go:norace
func commandIn(args []*byte) string {
	isValue := true // as the name of the program is no argument
	for i := 0; i < len(args) && args[i] != nil; i++ {
		switch text := stringAt(args[i]); {
		case isValue:
			isValue = false
		case text == "" || text[0] != '-':
			return text
		default:
			isValue = takesValue(text)
		}
	}
	return ""
}

//go:nosplit
//go:norace
func stringAt(p *byte) string {
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return unsafe.String(p, n)
}

// takesValue reports whether the next argument is the value of a global flag.
//
//go:nosplit
//go:norace
func takesValue(flag string) bool {
	switch flag {
	case "--engine", "--source", "--root", "--netns-dir", "--color", "--from":
		return true
	}
	return false
}
