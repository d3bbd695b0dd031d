// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"fmt"
	"math/bits"
	"net/netip"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Closing calls fn with every TCP socket that no process has any more and that is still
// closing, in any network namespace but the initial one: each has a reference to its own, and so
// has an MPTCP connection that its listener has not accepted, whose flags are OwnNS and Embryo. It
// follows every chain of the table of connections. The File, which has Namespace, Object,
// Family, State and Peer, is valid until fn returns.
func (r *Reader) Closing(fn func(*File)) (Totals, error) {
	totals, err := r.eachBatch(Closing, fn, r.connections)
	if err != nil {
		return totals, fmt.Errorf("read closing connections: %w", err)
	}
	return totals, nil
}

// connections appends the closing sockets in the tables of that batch of namespaces.
func (r *Reader) connections(prog *ebpf.Program, files []File, nets int) ([]File, error) {
	at := scanClosingWalk{Nets: uint32(nets)}
	if err := writeVariable(r, scanVarClosingPos, &at); err != nil {
		return files, err
	}
	at.State = uint32(scanWalkStateWALK_CONTINUE)
	for scanWalkState(at.State) == scanWalkStateWALK_CONTINUE {
		if err := advance(r, prog, scanVarClosingPos, &at); err != nil {
			return files, err
		}
		batch, err := r.fileBatch(at.Count)
		if err != nil {
			return files, err
		}
		for i := range batch {
			files = append(files, closingOf(&batch[i]))
		}
	}
	return files, nil
}

func closingOf(r *scanFileRecord) File {
	var f File
	f.set(r)
	f.Backlog, f.Mount, f.Device = 0, 0, [16]byte{}
	f.State = int(r.Mount)
	addr := netip.AddrFrom16(r.Device).Unmap()
	if r.Family == unix.AF_INET {
		addr = netip.AddrFrom4([4]byte(r.Device[:]))
	}
	f.Peer = netip.AddrPortFrom(addr, bits.ReverseBytes16(uint16(r.OtherNs)))
	return f
}
