// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// Keep is what Prune leaves in a directory.
type Keep struct {
	Time    time.Duration // files that are not older than the snapshot by more than this; 0: any
	Size    int64         // as many as have this many bytes together; 0: all
	Written string        // the name of the snapshot's own file, which stays
}

// stored is a file of a directory of snapshots.
type stored struct {
	name  string
	taken time.Time
	size  int64
}

// Prune removes files of a directory that have the customary name of one of the same host
// as s: what is older than keep has it, and then, as long as all together are too large, the one
// whose two neighbors are closest in time, so that what is left is spread over the whole
// time. Nothing else there is touched, and no symlink is followed.
func Prune(dir string, s *ns.Snapshot, keep Keep) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove old snapshots: %w", err)
	}
	var errs []error
	remove := func(name string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove an old snapshot: %w", err))
		}
	}
	var files []stored
	total := int64(0)
	for _, e := range entries {
		taken, ok := takenAt(e, s)
		switch {
		case !ok:
		case keep.Time > 0 && s.Taken.Sub(taken) > keep.Time:
			remove(e.Name())
		case keep.Size > 0:
			info, err := e.Info()
			switch {
			case errors.Is(err, fs.ErrNotExist): // removed meanwhile
			case err != nil:
				errs = append(errs, fmt.Errorf("remove old snapshots: %w", err))
			default:
				files = append(files, stored{e.Name(), taken, info.Size()})
				total += info.Size()
			}
		}
	}
	slices.SortFunc(files, func(a, b stored) int { return a.taken.Compare(b.taken) })
	for total > keep.Size {
		i := closest(files, keep.Written)
		if i < 0 {
			break
		}
		remove(files[i].name)
		total -= files[i].size
		files = slices.Delete(files, i, i+1)
	}
	return errors.Join(errs...)
}

// takenAt returns when a file of a host was taken, and false if it is none of that host's.
func takenAt(e fs.DirEntry, s *ns.Snapshot) (time.Time, bool) {
	text, ours := strings.CutPrefix(e.Name(), ofHost(s))
	text, whole := strings.CutSuffix(text, fileSuffix)
	taken, err := time.Parse(fileTime, text)
	return taken, ours && whole && err == nil && taken.Format(fileTime) == text && e.Type().IsRegular()
}

// closest returns which file to do without: the one whose neighbors are closest to each other, of
// several the first, and the oldest if none but that and the one that stays are left; -1 if
// there is no other.
func closest(files []stored, stays string) int {
	best, least := -1, time.Duration(0)
	for i := 1; i < len(files)-1; i++ {
		if span := files[i+1].taken.Sub(files[i-1].taken); files[i].name != stays && (best < 0 || span < least) {
			best, least = i, span
		}
	}
	for i := 0; best < 0 && i < len(files); i++ {
		if files[i].name != stays {
			best = i
		}
	}
	return best
}
