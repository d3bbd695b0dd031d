// SPDX-License-Identifier: Apache-2.0

package ns

import "strings"

// Via is what a holder holds by where that is not what it usually is: for a process a link
// other than the namespace it is in, for a descriptor what it is of.
type Via uint8

// NoVia is the Via of a holder that holds as others of its kind do.
const NoVia Via = 0

// All others, in the order in which they are sorted.
const (
	ViaProcNet         Via = 1 + iota // a file below /proc/net
	ViaAIO                            // a request of io_submit(2), without a descriptor, waits for the file
	ViaBPFIter                        // a BPF iterator over what is in it, as its sockets
	ViaPeer                           // a closed socket that the one at the descriptor is connected to
	ViaSender                         // a closed socket that has sent a message which waits in a queue
	ViaDetached                       // a mount below a detached one, as open_tree and fsmount make them: Pin has that, if known
	ViaFanotify                       // it watches the namespace's file
	ViaFSContext                      // a file system that is to be mounted
	ViaInotify                        // as ViaFanotify
	ViaRing                           // an io_uring, open at the descriptor, has the file
	ViaRequest                        // as ViaAIO, of an io_uring
	ViaMapped                         // an io_uring that the process has mapped has the file
	ViaPIDForChildren                 // the link of that name, not the process itself
	ViaRegistered                     // an io_uring that the process, or the thread TID, has registered with itself has the file
	ViaTimeForChildren                // as ViaPIDForChildren
	ViaUnaccepted                     // a connection that the socket at the descriptor has to accept
	ViaUnmounted                      // a mount that was unmounted while something used it, with what it is below
	numVias
)

// viaNames are the names of the Vias, in JSON and for people.
var viaNames = [numVias]string{
	ViaProcNet:         "/proc/net",
	ViaAIO:             "aio request",
	ViaBPFIter:         "bpf_iter",
	ViaPeer:            "closed peer",
	ViaSender:          "closed sender",
	ViaDetached:        "detached mount",
	ViaFanotify:        "fanotify",
	ViaFSContext:       "fsopen",
	ViaInotify:         "inotify",
	ViaRing:            "io_uring",
	ViaRequest:         "io_uring request",
	ViaMapped:          "mapped io_uring",
	ViaPIDForChildren:  "pid_for_children",
	ViaRegistered:      "registered io_uring",
	ViaTimeForChildren: "time_for_children",
	ViaUnaccepted:      "unaccepted connection",
	ViaUnmounted:       "unmounted, but in use",
}

// String returns the name, as JSON has it; "" for NoVia.
func (v Via) String() string { return viaNames[v] }

// ViaOf returns the Via of that name; ok is false if there is none.
func ViaOf(name string) (v Via, ok bool) {
	for v := range numVias {
		if viaNames[v] == name {
			return v, true
		}
	}
	return NoVia, false
}

// Link returns the link in /proc/PID/ns by which a task in a namespace of a type holds it.
func (h *Holder) Link(t Type) string {
	if link := h.Via.String(); strings.HasSuffix(link, "_for_children") {
		return link
	}
	return t.Links()[0]
}
