// SPDX-License-Identifier: Apache-2.0

package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseWatches(t *testing.T) {
	const fdinfo = `pos:	0
flags:	00
mnt_id:	17
ino:	26
inotify wd:2 ino:f0000151 sdev:4 mask:20 ignored_mask:0 fhandle-bytes:10 fhandle-type:f1 f_handle:019602000000000000000200510100f0
inotify wd:1 ino:f0000152 sdev:800001 mask:20 ignored_mask:0 
fanotify flags:0 event-flags:8000
fanotify ino:f0000153 sdev:4 mflags:0 mask:20 ignored_mask:0
fanotify ino:f0000154 sdev:4 mflags:200 mask:20 ignored_mask:0
fanotify mnt_id:12 mflags:0 mask:20 ignored_mask:0
fanotify sdev:4 mflags:0 mask:20 ignored_mask:0
inotify wd:3 ino: sdev:4
inotify wd:4 ino:f0000155 sdev:4`
	want := []uint64{0xf0000151, 0xf0000153, 0xf0000155}
	if diff := cmp.Diff(want, parseWatches(fdinfo, 4)); diff != "" {
		t.Errorf("watches (-want +got):\n%s", diff)
	}
}
