// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// UnreadLinks returns a phrase for gaps where links, or listening sockets, could not be read, with the remedy
// where a privilege is missing.
func UnreadLinks(gaps []ns.Gap) string {
	text := links.Unread(gaps)
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
