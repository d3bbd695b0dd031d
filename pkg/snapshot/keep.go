// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// The name of a file has the host and the time.
const (
	filePrefix = "nsinspect-"
	fileSuffix = ".json.gz"
	fileTime   = "20060102T150405Z"
)

var noFileName = text.Pattern{Text: `[^A-Za-z0-9._-]+`}

// FileName returns the customary name of a file for a snapshot in a directory:
// nsinspect-HOST-TIME.json.gz. Where that is taken, by a snapshot of the same second or by another
// machine of the name, it is that of one of the next seconds.
func FileName(dir string, s *ns.Snapshot) string {
	const most = 60
	first := ""
	for i := range most {
		name := ofHost(s) + s.Taken.Add(time.Duration(i)*time.Second).UTC().Format(fileTime) + fileSuffix
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return name
		} else if first == "" {
			first = name
		}
	}
	return first
}

// ofHost returns what the names of a host's files begin with.
func ofHost(s *ns.Snapshot) string {
	host := noFileName.Compiled().ReplaceAllString(s.Machine.Host, "_")
	if host == "" {
		host = "unknown"
	}
	return filePrefix + host + "-"
}

// Prune removes the files of a directory that have the customary name of one of the same host
// as s, taken earlier before it than keep. Nothing else there is touched, and no symlink is
// followed.
func Prune(dir string, s *ns.Snapshot, keep time.Duration) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove old snapshots: %w", err)
	}
	var errs []error
	for _, e := range entries {
		text, ours := strings.CutPrefix(e.Name(), ofHost(s))
		text, whole := strings.CutSuffix(text, fileSuffix)
		taken, err := time.Parse(fileTime, text)
		if !ours || !whole || err != nil || taken.Format(fileTime) != text || !e.Type().IsRegular() || s.Taken.Sub(taken) <= keep {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove an old snapshot: %w", err))
		}
	}
	return errors.Join(errs...)
}
