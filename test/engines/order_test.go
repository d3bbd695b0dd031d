// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package engines

import (
	"context"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// late is an engine after whose Find, and before anything else is read, something happens.
type late struct {
	scan.Engine
	then func()
}

func (l late) Find(ctx context.Context, wanted scan.Wanted, sink *record.Sink) error {
	err := l.Engine.Find(ctx, wanted, sink)
	l.then()
	return err
}

// TestMadeDuringTheScan makes a namespace, and mounts it, when the engine has read tasks
// and files: it is alive, and is not dropped as one that has ended.
func TestMadeDuringTheScan(t *testing.T) {
	need.Kernel(t, 6, 12, "NS_MNT_GET_NEXT")
	var scene *nstest.Scene
	snap := look(t, scan.Options{Engine: late{newEngine(t), func() { scene = nstest.Make(t, nstest.MountPrivate) }}})
	if n := findIn(snap, &scene.Truth); n == nil || n.Count(ns.KindMount) != 1 {
		t.Errorf("namespace %+v, want net:[%d] with its mount", n, scene.Inode)
	}
}
