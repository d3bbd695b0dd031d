// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/scan/bpf"
)

// engines are the values of --engine.
var engines = []string{"auto", "proc", "bpf"}

// openEngine returns the engine that the flags ask for, nil for the walk over
// /proc, to scan these types. With auto it is bpf where that loads; why is the reason if not.
func (a *app) openEngine(types []ns.Type) (engine scan.Engine, closeEngine func(), why string, err error) {
	none := func() {}
	if a.engine == "proc" {
		return nil, none, "as asked for", nil
	}
	if a.root != "/" {
		if a.engine == "bpf" {
			return nil, none, "", usagef("engine bpf reads the running kernel\nhint: use --engine proc with --root")
		}
		return nil, none, "the bpf engine cannot read another root's tree", nil
	}
	e, err := bpf.New(types...)
	if err == nil {
		return e, func() { e.Close() }, "it loaded", nil
	}
	if a.engine == "bpf" {
		return nil, none, "", explain.WithHint(fmt.Errorf("start the bpf engine: %w", err), "use --engine proc")
	}
	a.noEngine = err
	return nil, none, fmt.Sprintf("the bpf engine did not start: %v", err), nil
}
