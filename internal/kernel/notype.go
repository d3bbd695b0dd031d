// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// NoTypeError is the error for a type of namespaces that the kernel was built without.
type NoTypeError struct{ Type ns.Type }

func (e NoTypeError) Error() string {
	return fmt.Sprintf("this kernel has no %s namespaces (CONFIG_%s_NS)", e.Type, strings.ToUpper(e.Type.String()))
}
