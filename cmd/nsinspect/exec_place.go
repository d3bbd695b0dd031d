// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/enter"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/resolve"
)

// execTypeWords are the words of exec --type.
func execTypeWords() []string {
	all := []string{"net", "mnt"}
	for _, t := range enter.Types {
		if t != ns.Net && t != ns.Mnt {
			all = append(all, t.String())
		}
	}
	return append(all, "all")
}

// parseTypes reads --type. net alone is what is entered without it.
func (f *execFlags) parseTypes(given bool) error {
	switch {
	case !given:
		return nil
	case len(f.types) == 0:
		return usagef("--type is empty\nhint: name a namespace type, such as net, or all")
	}
	var types []ns.Type
	for _, w := range f.types {
		t, err := ns.ParseType(w)
		switch {
		case w == "all":
			types = enter.Types
		case err != nil:
			return usagef("%w\nhint: use %s, or all", err, strings.Join(execTypeWords()[:len(enter.Types)], ", "))
		case !slices.Contains(enter.Types, t):
			return usagef("exec enters no %s namespace: a process of several threads may not\nhint: %s", t, explain.EnterThreaded(t, f.refs))
		case !slices.Contains(types, t):
			types = append(slices.Clip(types), t)
		}
	}
	if slices.Equal(types, []ns.Type{ns.Net}) {
		return nil
	}
	f.process = types
	if f.netOnly {
		return usagef("--net-only is for the network namespace alone\nhint: leave --net-only or --type out")
	}
	return nil
}

// place is where a command is to run: in an open network namespace, or in those of a process.
type place struct {
	ref     resolve.Ref // by which it was found; of --all none
	n       *ns.Namespace
	fd      int
	process *enter.Process // nil for n alone
}

func (p place) close() {
	unix.Close(p.fd)
	if p.process != nil {
		p.process.Close()
	}
}

// is reports whether both are the same. They are open, so that nothing else has an inode or,
// of a process that has not ended, a number of theirs.
func (p place) is(q place) bool {
	if p.process != nil && q.process != nil {
		return p.process.PID == q.process.PID
	}
	return p.n.Inode == q.n.Inode
}

// openPlace opens the network namespace that a reference points at, or namespaces of these
// types of the process that it means.
func (a *app) openPlace(ctx context.Context, h *host.Host, ref resolve.Ref, types []ns.Type) (place, error) {
	if len(types) > 0 {
		return a.openProcess(ctx, h, ref, types)
	}
	n, fd, err := a.open(ctx, h, ref)
	if err == nil && n.Type != ns.Net {
		unix.Close(fd)
		err = explain.WithHint(fmt.Errorf("%s is not a network namespace, and exec enters no other without --type", text.Title(n)),
			"%s", "use --type, which takes the namespaces of a process")
	}
	return place{ref: ref, n: n, fd: fd}, err
}

// openProcess opens namespaces of the process that a reference means.
func (a *app) openProcess(ctx context.Context, h *host.Host, ref resolve.Ref, types []ns.Type) (place, error) {
	p := place{ref: ref}
	var snap *ns.Snapshot
	var err error
	if ref.IsProcess() {
		p.n, p.fd, err = a.open(ctx, h, ref)
	} else {
		snap, p.n, p.fd, err = a.openInSnapshot(ctx, h, ref)
	}
	if err != nil {
		return p, err
	}
	meant := func() (ns.TaskID, time.Duration, error) {
		return ref.Process(ctx, h, &owner.Lazy{Host: h}, snap, p.n)
	}
	pid, born, err := meant()
	if err == nil {
		err = a.openIn(h, &p, pid, born, types)
	}
	if err == nil && born == 0 {
		// A container's process has no time of birth: it is the one that it was while it is open.
		var again ns.TaskID
		if again, _, err = meant(); err == nil && again != pid {
			err = fmt.Errorf("process %d has ended", pid)
		}
		if err == nil {
			err = p.process.Alive()
		}
	}
	if err != nil {
		p.close()
	}
	return p, err
}

// openIn opens namespaces of a process in a place.
func (a *app) openIn(h *host.Host, p *place, pid ns.TaskID, born time.Duration, types []ns.Type) error {
	if slices.Equal(types, enter.Types) { // all: those that this kernel has
		types = slices.DeleteFunc(slices.Clone(types), func(t ns.Type) bool { return h.LacksType("/proc/"+pid.String()+"/ns", t) })
	}
	process, err := enter.OpenProcess(h, pid, born, p.n, types)
	if err != nil {
		var foreign *enter.ForeignMountsError
		if errors.As(err, &foreign) {
			return explain.WithHint(err, "%s", explain.EnterMounts(pid))
		}
		return err
	}
	p.process = process
	if a.verbose {
		var all []string
		for _, n := range process.Namespaces {
			all = append(all, n.String())
		}
		a.note([]string{render.Escape(fmt.Sprintf("%s of process %d (%s)", strings.Join(all, ", "), pid, process.Comm))})
	}
	return nil
}

// openLeader opens namespaces of the oldest process in the place's namespace.
func (r *runner) openLeader(ctx context.Context, p *place) error {
	if p.n.Leader == nil {
		return errors.New("it has no process")
	}
	pid, born, err := resolve.Ref{}.Process(ctx, r.host, nil, nil, p.n)
	if err != nil {
		return err
	}
	return r.openIn(r.host, p, pid, born, r.flags.process)
}

// execChild runs the command in one place as a child, which alone enters a PID namespace.
func (a *app) execChild(ctx context.Context, h *host.Host, p place, f execFlags) error {
	if err := kernel.RestoreMemlock(); err != nil {
		return err
	}
	if ctx.Err() != nil { // interrupted before there was a command
		return ctx.Err()
	}
	r := &runner{app: a, host: h, flags: f}
	if err := explainEntry(p.n, r.wait(a.commandIn(h, p, f))); err != nil {
		return err
	}
	return r.failure(ctx)
}
