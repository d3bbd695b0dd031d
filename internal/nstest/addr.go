// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
)

// AddrBits is the length of the prefix that the addresses of one process share.
const AddrBits = 26

// Addr returns the address number n, from 1 to 62, of those that are this process's:
// no other running process gets them, and no network has them, since 240.0.0.0/4 is
// reserved. The 22 bits that a PID has at most follow these four.
func Addr(n int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 240<<24|uint32(os.Getpid())<<(32-AddrBits)|uint32(n))
	return netip.AddrFrom4(b)
}

// Addr6 returns the IPv6 address number n of those that are this process's, of a
// prefix for private use.
func Addr6(n uint8) netip.Addr {
	b := [16]byte{0: 0xfd, 1: 0x66, 15: n}
	binary.BigEndian.PutUint32(b[10:], uint32(os.Getpid()))
	return netip.AddrFrom16(b)
}

// MAC returns the hardware address number n of those that are this process's, which
// are locally administered. No other running process gets them.
func MAC(n uint8) string {
	pid := os.Getpid()
	return fmt.Sprintf("02:66:%02x:%02x:%02x:%02x", pid>>16&0xff, pid>>8&0xff, pid&0xff, n)
}
