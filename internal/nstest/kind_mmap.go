// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// holdMmap maps the ring of a packet socket and closes the socket's fd: the
// mapping keeps the file, the socket and its namespace.
func holdMmap(m *maker) error {
	return m.inNew(func() error {
		fd, err := packetRaw.open()
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		size := os.Getpagesize()
		req := unix.TpacketReq{Block_size: uint32(size), Block_nr: 1, Frame_size: 2048, Frame_nr: uint32(size / 2048)}
		if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
			return fmt.Errorf("make packet ring: %w", err)
		}
		ring, err := unix.Mmap(fd, 0, size, unix.PROT_READ, unix.MAP_SHARED)
		if err != nil {
			return fmt.Errorf("map packet ring: %w", err)
		}
		ino, err := inodeOf(fd)
		addr := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(ring))))
		m.hold(Holder{Kind: "mmap", Family: "packet", Type: "raw", Inode: ino, Addr: addr})
		return err
	})
}
