// SPDX-License-Identifier: Apache-2.0

package kernel

import "fmt"

// SinceError is the error for something that an older kernel does not offer.
type SinceError struct{ Major, Minor int }

func (e SinceError) Error() string { return fmt.Sprintf("needs Linux %d.%d", e.Major, e.Minor) }
