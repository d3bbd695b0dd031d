// SPDX-License-Identifier: Apache-2.0

// Package callscript runs system calls one after another in a process that does
// nothing else: it has one thread, no stack, no memory of its own and no run-time
// system that would make calls between. So it can do what a Go program cannot
// (enter a user namespace, vfork, call by int 0x80), and every call in it is known.
//
//	s := callscript.New()
//	unshare := s.Call(unix.SYS_UNSHARE, unix.CLONE_NEWNET)
//	after := s.Look()
//	run := s.Run(t, "name")
//	// run.Result(unshare) is 0, run.Where(after).Inode[scan.Net] where it led to
//
// The script lies in memory that the process shares with the test, which reads
// the results there, also those of its children. For amd64 and arm64; for tests only.
package callscript
