// SPDX-License-Identifier: Apache-2.0

package ns

// Alias is what a reference stands for that this package knows nothing of: the
// name of a container, of a pod, of a unit.
type Alias struct {
	Net       uint64    // the inode of its network namespace; 0 if only a process is known
	PID       TaskID    // a process in it, which leads to its namespaces of other types; 0 if none is known
	How       string    // what it is, for messages: "docker:web (27d0a9f1c2b3)"
	Authority Authority // whose word it is
	Partial   bool      // the reference is only the beginning of an ID: it stands back where another fits whole
}
