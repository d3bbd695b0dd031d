// SPDX-License-Identifier: Apache-2.0

package ns

// Machine identifies the machine that was read, and its boot. What is unknown is "".
type Machine struct {
	Host      string // the host name
	MachineID string // as in /etc/machine-id
	BootID    string // cookies are unique within one boot
}
