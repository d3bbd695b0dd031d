// SPDX-License-Identifier: Apache-2.0

package kernel

import "fmt"

// SinceError says that the kernel is older than what reads something.
type SinceError struct{ Major, Minor int }

func (e SinceError) Error() string { return fmt.Sprintf("needs Linux %d.%d", e.Major, e.Minor) }
