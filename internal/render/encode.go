// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"

	"github.com/nsinspect/nsinspect/internal/wire"
)

// encode writes v as JSON or YAML. One JSON object is one line where oneLine
// asks for it, and indented otherwise.
func encode(w io.Writer, f Format, oneLine bool, v any) error {
	out, err := wire.Marshal(v, !oneLine && f != YAML)
	if err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	if f == YAML {
		if out, err = yamlOf(out); err != nil {
			return fmt.Errorf("encode YAML: %w", err)
		}
	}
	_, err = w.Write(out)
	return err
}
