// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"runtime"
	"runtime/debug"
	"time"
)

// Version is the document of nsinspect version.
type Version struct {
	Schema     string     `json:"schema" jsonschema:"enum=nsinspect/v1"` // the version of this format
	Version    string     `json:"version,omitempty"`                     // the release
	Commit     string     `json:"commit,omitempty"`                      // that it was built from
	CommitTime *time.Time `json:"commit_time,omitempty"`
	Modified   bool       `json:"modified,omitempty"` // true if what was built is not exactly that commit
	Go         string     `json:"go"`                 // the version of the Go toolchain
	OS         string     `json:"os"`
	Arch       string     `json:"arch"` // as Go calls it, "amd64"
}

// NewVersion returns what the Go tool wrote into a binary; info is nil if that is unknown.
func NewVersion(info *debug.BuildInfo) Version {
	v := Version{Schema: Schema, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info == nil {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			if at, err := time.Parse(time.RFC3339, s.Value); err == nil {
				v.CommitTime = &at
			}
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
