// SPDX-License-Identifier: Apache-2.0

package host

import (
	"time"

	"golang.org/x/sys/unix"
)

// ChangeTime returns the time from which a name exists. A mounted namespace has the
// time at which its nsfs inode was created, which is when the namespace was first
// opened or mounted (fs/nsfs.c, nsfs_init_inode, 6.18; __ns_get_path before); a
// symlink or regular file that of its last change, never earlier than its creation.
func ChangeTime(st *unix.Stat_t) time.Time { return time.Unix(st.Ctim.Unix()) }
