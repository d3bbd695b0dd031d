// SPDX-License-Identifier: Apache-2.0

package host

import (
	"time"

	"golang.org/x/sys/unix"
)

// ChangeTime tells since when a name is there. What is mounted has the time at which
// its nsfs inode was made, which is when the namespace was first opened to be
// kept open or mounted (fs/nsfs.c, nsfs_init_inode, 6.18; __ns_get_path before);
// a symlink or plain file that of its last change, never earlier than it was made.
func ChangeTime(st *unix.Stat_t) time.Time { return time.Unix(st.Ctim.Unix()) }
