// SPDX-License-Identifier: Apache-2.0

package doctor

import "github.com/nsinspect/nsinspect/pkg/ns"

// findDanglingLink finds symlinks in names directories that lead to no namespace.
func findDanglingLink(x *inspection) (all []Finding) {
	for i := range x.snap.Dangling {
		s := &x.snap.Dangling[i]
		if s.Kind != ns.NameSymlink {
			continue
		}
		f := aboutPath(s)
		toPID, unknown := ns.PIDOf(s.Path, s.Target) != 0, ""
		if toPID {
			unknown = x.foreignPIDs()
		}
		if unknown != "" {
			f.Severity = Unknown
		}
		f.write(x.adviser().DanglingLink(s, toPID, unknown))
		all = append(all, f)
	}
	return all
}
