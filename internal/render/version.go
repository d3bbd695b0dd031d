// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/nsinspect/nsinspect/internal/wire"
)

// Version writes which version of nsinspect this is, "nsinspect v1.2.0 (commit
// 0123456789ab of 2026-11-25T02:13:50Z) go1.26.0 linux/amd64".
func Version(w io.Writer, v wire.Version, f Format) error {
	if f == JSON || f == YAML {
		return encode(w, f, false, v)
	}
	_, err := fmt.Fprintf(w, "nsinspect %s %s %s/%s\n", release(v), v.Go, v.OS, v.Arch)
	return err
}

func release(v wire.Version) string {
	text := cmp.Or(v.Version, "(unknown)")
	if v.Commit == "" {
		return text
	}
	text += " (commit " + v.Commit[:min(len(v.Commit), 12)]
	if v.Modified {
		text += ", modified,"
	}
	if v.CommitTime != nil {
		text += " of " + v.CommitTime.Format(time.RFC3339)
	}
	return text + ")"
}
