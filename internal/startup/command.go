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
	if argv != nil && isDoctor(argv[:]) {
		return 3
	}
	return 1
}

// isDoctor reports whether arguments, of which the first is the program's name, are of the command
// doctor: whether the first one is doctor that is no flag, and no value of one.
//
//go:nosplit
//go:norace
func isDoctor(args []*byte) bool {
	isValue := true // as the name of the program is no argument
	for i := 0; i < len(args) && args[i] != nil; i++ {
		switch text := stringAt(args[i]); {
		case isValue:
			isValue = false
		case text == "" || text[0] != '-':
			return text == "doctor"
		default:
			isValue = takesValue(text)
		}
	}
	return false
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
