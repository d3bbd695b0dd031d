// SPDX-License-Identifier: Apache-2.0

package runtimes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
)

// The schema as a script reads it, written down here once more on purpose: the
// program's own types would agree with any change of theirs.
type (
	head struct {
		Schema   string
		Complete bool
		Gaps     []struct {
			Sources     []string
			Path, Error string
		}
	}
	listAnswer struct {
		head
		Namespaces []namespace
	}
	usesAnswer struct {
		head
		Namespace namespace
		Verdict   string
		Fix       []string
	}
	namespace struct {
		Type      string
		Inode     uint64
		Initial   bool
		Names     []name
		Owner     *ownedBy
		Links     []iface
		Processes int
		Counts    map[string]int `json:"holder_counts"`

		References *struct{ Total, Explained int }

		Holders []holder
		Leader  *struct {
			PID     int
			Comm    string
			Cmdline []string
		}
	}
	name   struct{ Name, Path, Kind string }
	holder struct {
		Kind, Comm, Path string
		PID              int
		MountNS          uint64
		Owner            *ownedBy
	}
	ownedBy struct{ Runtime, ID, Name, Pod, Unit, Service string }
)

// nsinspect is the program under test and the global flags it runs with.
type nsinspect struct {
	binary string
	flags  []string
}

// newInspect builds the program, which is to run with these global flags.
func newInspect(t testing.TB, flags ...string) nsinspect {
	t.Helper()
	need.Program(t, "go")
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return nsinspect{binary: binary, flags: flags}
}

// built is the home of the binary, once there is one.
var built *home

// build makes the binary once a test run, in a home since that is removed even
// if this run is killed.
var build = sync.OnceValues(func() (binary string, err error) {
	if built, err = createHome(); err != nil {
		return "", err
	}
	binary = built.path("nsinspect")
	_, file, _, _ := runtime.Caller(0)
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/nsinspect")
	cmd.Dir = filepath.Join(filepath.Dir(file), "..", "..")
	// As it is released; and marked, for a build that outlives the test process
	// would make the home anew.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", homeEnv+"="+built.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build nsinspect: %w: %s", err, out)
	}
	return binary, nil
})

// removeBinary removes what build made.
func removeBinary() error {
	if built == nil {
		return nil
	}
	return built.close()
}

// run runs nsinspect to its end and returns its output and exit status.
func (n nsinspect) run(t testing.TB, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.binary, append(args, n.flags...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() < 0 {
			t.Fatalf("run nsinspect %s: %v: %s", strings.Join(args, " "), err, errs.Bytes())
		}
		status = exit.ExitCode()
	}
	return out.String(), errs.String(), status
}

// list is the output of `list -o json`.
func (n nsinspect) list(t testing.TB) listAnswer {
	t.Helper()
	var a listAnswer
	n.answer(t, &a, "list", "-o", "json")
	checkHead(t, a.head)
	return a
}

// whoUses is the output of `who-uses REF -o json`.
func (n nsinspect) whoUses(t testing.TB, ref string) usesAnswer {
	t.Helper()
	var a usesAnswer
	n.answer(t, &a, "who-uses", ref, "-o", "json")
	checkHead(t, a.head)
	return a
}

func (n nsinspect) answer(t testing.TB, into any, args ...string) {
	t.Helper()
	stdout, stderr, status := n.run(t, args...)
	if status != 0 {
		t.Fatalf("nsinspect %s: exit status %d: %s", strings.Join(args, " "), status, stderr)
	}
	if err := wiretest.Validate([]byte(stdout)); err != nil {
		t.Errorf("nsinspect %s: %v", strings.Join(args, " "), err)
	}
	if err := json.Unmarshal([]byte(stdout), into); err != nil {
		t.Fatalf("nsinspect %s: parse its JSON: %v: %s", strings.Join(args, " "), err, stdout)
	}
}

func checkHead(t testing.TB, h head) {
	t.Helper()
	if h.Schema != "nsinspect/v1" {
		t.Errorf("schema %q, want nsinspect/v1", h.Schema)
	}
	if h.Complete != (len(h.Gaps) == 0) {
		t.Errorf("complete is %v with the gaps %v", h.Complete, h.Gaps)
	}
}

// find is the namespace with that inode.
func (a listAnswer) find(inode uint64) (namespace, bool) {
	i := slices.IndexFunc(a.Namespaces, func(ns namespace) bool { return ns.Type == "net" && ns.Inode == inode })
	if i < 0 {
		return namespace{}, false
	}
	return a.Namespaces[i], true
}

// named is the namespace with a name at that path.
func (a listAnswer) named(path string) (namespace, bool) {
	i := slices.IndexFunc(a.Namespaces, func(ns namespace) bool {
		return slices.ContainsFunc(ns.Names, func(n name) bool { return n.Path == path })
	})
	if i < 0 {
		return namespace{}, false
	}
	return a.Namespaces[i], true
}
