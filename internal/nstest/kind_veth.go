// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// holdVeth makes two namespaces, each held by an fd, with a veth pair between
// them, which holds neither. The second is the truth's Peer.
func holdVeth(m *maker) error {
	peer, err := m.vethPeer()
	if err != nil {
		return err
	}
	fd := *peer.Holders[0].FD
	err = m.inNew(func() error {
		nl, err := openRoute()
		if err != nil {
			return err
		}
		defer nl.close()
		err = nl.addVeth("nsnear", "nsfar", fd)
		if errors.Is(err, unix.EOPNOTSUPP) {
			return fmt.Errorf("veth devices: %w", errMissing)
		}
		if err != nil {
			return err
		}
		near, err := openNS()
		if err != nil {
			return err
		}
		m.holdFD(near)
		return m.link("nsnear", m.truth.Inode)
	})
	if err != nil {
		return err
	}
	m.truth.Peer = peer
	return onThread(func() error {
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter peer: %w", err)
		}
		return m.link("nsfar", peer.Inode)
	})
}

func (m *maker) vethPeer() (*Truth, error) {
	t := &Truth{Scene: FD, Child: os.Getpid()}
	err := onThread(func() (err error) {
		if t.Namespace, err = newNetNS(); err != nil {
			return err
		}
		fd, err := openNS()
		t.Holders = []Holder{{Kind: "fd", PID: os.Getpid(), FD: &fd, Comm: m.comm()}}
		return err
	})
	return t, err
}
