// SPDX-License-Identifier: Apache-2.0

package startup

// stackRoom is as much stack as most commands need. A stack is made twice as large each time that
// it does not suffice, from 2 KiB on: it is copied, and the tables of every function on it
// are looked into, which are page faults of their own (runtime, newstack and copystack, 1.26).
const stackRoom = 40 << 10

type commandFrame [stackRoom]byte

// growStack makes the stack of this goroutine, which is the one of main, large enough at once:
// a function has as much as its frame may take before it begins, and writes to what it uses.
//
//go:noinline
func growStack(never *byte) {
	if never != nil {
		takeStack(commandFrame{})
	}
}

//go:noinline
func takeStack(f commandFrame) { unused = append(unused, f[0]) }
