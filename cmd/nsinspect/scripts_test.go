// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nsinspect/nsinspect/internal/need"
)

// runScripts does what testscript.Run does, but a script skips as any test does:
// through need.Missing.
func runScripts(t *testing.T, p testscript.Params) {
	if deadline, ok := t.Deadline(); ok {
		p.Deadline = deadline
	}
	setup := p.Setup
	p.Setup = func(env *testscript.Env) error {
		env.Setenv("GORACE", os.Getenv("GORACE")) // see nstest.Main
		if setup == nil {
			return nil
		}
		return setup(env)
	}
	testscript.RunT(scriptT{t}, p)
}

// scriptT is a test as testscript uses it.
type scriptT struct{ *testing.T }

func (t scriptT) Run(name string, f func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) { f(scriptT{t}) })
}

func (t scriptT) Verbose() bool { return testing.Verbose() }

func (t scriptT) Skip(args ...any) {
	t.Helper()
	need.Missing(t.T, fmt.Sprint(args...))
}
