// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findDanglingLink finds symlinks in names directories that lead to no namespace.
func findDanglingLink(x *inspection) (all []Finding) {
	for i := range x.snap.Dangling {
		s := &x.snap.Dangling[i]
		if s.Kind != ns.NameSymlink {
			continue
		}
		f := aboutPath(s)
		f.Summary = s.Reason
		f.Evidence = []string{"last changed " + stamp(s.Made)}
		f.Meaning = "The name stands for nothing. A symlink keeps no namespace: the process or name that it led to has gone."
		f.Fix = []string{"rm " + explain.ShellWord(s.Path)}
		if pid := pidOf(s.Path, s.Target); pid != 0 {
			f.Meaning += " Another process may get that PID, and the name would silently stand for its namespace."
			if why := x.foreignPIDs(); why != "" {
				f.Severity = Unknown
				f.Evidence = append(f.Evidence, "not certain: "+why)
				f.Fix = nil
			}
		}
		all = append(all, f)
	}
	return all
}
