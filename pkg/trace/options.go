// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"
	"os"
)

// check returns an error for options that no tier can have.
func (o *Options) check() error {
	switch {
	case o.Buffer < os.Getpagesize() || o.Buffer&(o.Buffer-1) != 0:
		return fmt.Errorf("a buffer of %d bytes: it must be a power of two and at least a page", o.Buffer)
	case len(o.Filter.Comm) > 15:
		return fmt.Errorf("a thread's name has at most 15 bytes, %q has %d", o.Filter.Comm, len(o.Filter.Comm))
	case len(o.Filter.UIDs) > MostUIDs:
		return fmt.Errorf("a filter has at most %d users, not %d", MostUIDs, len(o.Filter.UIDs))
	}
	return nil
}

// needsKernelTypes returns an error for what only tiers that know the kernel's types do.
func (o *Options) needsKernelTypes() error {
	switch {
	case o.Follow:
		return errors.New("cannot follow a command's children: use tier 1 or 2")
	case len(o.Filter.UIDs) > 0:
		return errors.New("cannot filter by users, which it does not record: use tier 1 or 2")
	case o.Identify:
		return errors.New("cannot filter by programs and cgroups, which it does not record: use tier 1 or 2")
	}
	return nil
}
