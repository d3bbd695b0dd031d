// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/nsinspect/nsinspect/pkg/snapshot"
)

// snapshotIn reads a snapshot from a file, or from stdin if the name is -.
func (a *app) snapshotIn(ctx context.Context, name string) (*snapshot.File, error) {
	if a.openSnapshot != nil {
		return a.openSnapshot(ctx, name)
	}
	return nil, errors.New("snapshot files cannot be read yet")
}

// snapshotNow takes a snapshot of the machine.
func (a *app) snapshotNow(ctx context.Context) (*snapshot.File, error) {
	if a.openSnapshot != nil {
		return a.openSnapshot(ctx, "")
	}
	return nil, errors.New("the machine cannot be compared yet")
}
