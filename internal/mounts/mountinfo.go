// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/moby/sys/mountinfo"
)

// Parse reads a mountinfo file, in which later mounts lie over earlier
// ones. A line that cannot be parsed costs that line, not the file: the mounts
// are returned together with the error that names it.
func Parse(r io.Reader) ([]*mountinfo.Info, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	mounts, err := mountinfo.GetMountsFromReader(bytes.NewReader(text), nil)
	if err == nil {
		return mounts, nil
	}
	mounts = nil
	var errs []error
	for line := range bytes.Lines(text) {
		one, err := mountinfo.GetMountsFromReader(bytes.NewReader(line), nil)
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("mount line of %d bytes is too long", len(line))
		}
		if err != nil {
			errs = append(errs, err)
		}
		mounts = append(mounts, one...)
	}
	return mounts, errors.Join(errs...)
}
