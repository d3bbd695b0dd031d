// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// UnreadLinks adds the remedy, where a privilege is missing, to a phrase for gaps where links,
// or listening sockets, could not be read.
func UnreadLinks(text string, gaps []ns.Gap) string {
	is := func(errno unix.Errno) bool {
		return slices.ContainsFunc(gaps, func(g ns.Gap) bool { return errors.Is(g.Err, errno) })
	}
	switch {
	case is(unix.EPERM):
		return fmt.Sprintf("%s: %s", text, Privilege(unix.CAP_SYS_ADMIN))
	case is(unix.EACCES):
		return fmt.Sprintf("%s: %s", text, Privilege(unix.CAP_SYS_PTRACE))
	}
	return text
}
