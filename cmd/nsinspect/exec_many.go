// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/opener"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/enter"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/resolve"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// execMany runs a command in several namespaces, one after the other.
func (a *app) execMany(ctx context.Context, h *host.Host, refs []resolve.Ref, f execFlags) error {
	places, err := a.openPlaces(ctx, h, refs, f.process)
	defer func() {
		for _, p := range places {
			p.close()
		}
	}()
	if err != nil {
		return err
	}
	r := &runner{app: a, host: h, flags: f}
	if err := kernel.RestoreMemlock(); err != nil {
		return err
	}
	for _, p := range places {
		r.run(ctx, text.Line(p.ref.String()), func() (place, error) { return p, nil })
	}
	if f.all {
		if err := r.runAll(ctx, places); err != nil {
			return err
		}
	}
	return r.failure(ctx)
}

// openPlaces opens what references point at, each namespace once. If one points nowhere,
// the error has all that do not.
func (a *app) openPlaces(ctx context.Context, h *host.Host, refs []resolve.Ref, types []ns.Type) (all []place, err error) {
	var wrong several
	for _, ref := range refs {
		p, err := a.openPlace(ctx, h, ref, types)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case slices.ContainsFunc(all, p.is):
			p.close()
		default:
			all = append(all, p)
		}
	}
	if len(wrong) > 0 {
		return all, wrong
	}
	return all, nil
}

// runner runs a command in namespaces.
type runner struct {
	*app
	host   *host.Host
	flags  execFlags
	begun  int
	status int       // of the first that failed; 0 if none did
	ended  os.Signal // by which this process was to end meanwhile
}

// runAll runs the command in every network namespace but the host's and those where it has
// run already.
func (r *runner) runAll(ctx context.Context, already []place) error {
	opts, done, err := r.options()
	if err != nil {
		return err
	}
	opts.Details = true
	snap, err := scan.Scan(ctx, opts)
	if err == nil {
		r.note(render.GapNotes(snap, r.owners.Index(ctx, snap), r.verbose))
	}
	done() // what it loaded is not to be there while commands run
	if err != nil {
		return err
	}
	open := opener.New(r.host, false)
	defer open.Close()
	for i := range snap.Namespaces {
		n := &snap.Namespaces[i]
		if n.Initial || slices.ContainsFunc(already, func(p place) bool { return p.n.Inode == n.Inode }) {
			continue
		}
		r.run(ctx, labelOf(n), func() (place, error) {
			p := place{n: n}
			var err error
			if p.fd, err = open.Open(n); err == nil && len(r.flags.process) > 0 {
				if err = r.openLeader(ctx, &p); err != nil {
					p.close()
				}
			}
			return p, err
		})
	}
	return nil
}

// labelOf names a namespace in a line of its own, as short as can be.
func labelOf(n *ns.Namespace) string {
	if name := n.BestName(); name != "" {
		return text.Line(text.Name(name))
	}
	return n.String()
}

// run runs the command in one namespace. What has ended meanwhile is left out.
func (r *runner) run(ctx context.Context, label string, open func() (place, error)) {
	if ctx.Err() != nil || r.ended != nil {
		return
	}
	p, err := open()
	if errors.Is(err, opener.ErrEnded) {
		return
	}
	header := "netns: " + render.Escape(label) + "\n"
	if r.begun++; r.begun > 1 {
		header = "\n" + header
	}
	fmt.Fprint(r.stdout, header)
	if err != nil {
		r.failed(exitFailed, fmt.Errorf("open %s: %w", text.Title(p.n), err))
		return
	}
	if p.ref.String() == "" {
		defer p.close()
	}
	if err := explainEntry(p.n, r.wait(r.commandIn(r.host, p, r.flags))); err != nil {
		var notRun *enter.NotRunError
		if errors.As(err, &notRun) {
			r.failed(notRun.Status, err)
			return
		}
		r.failed(exitFailed, err)
	}
}

// failed reports an error and has the others go on.
func (r *runner) failed(status int, err error) {
	r.report(err)
	r.keep(status)
}

// keep keeps the status of the first that failed.
func (r *runner) keep(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// wait starts the command and waits for its end. Until then what is sent to this process is
// sent on to it, but for what the terminal's keys send: that goes to the whole foreground
// process group.
func (r *runner) wait(c *enter.Command) error {
	sent := make(chan os.Signal, 8)
	signal.Notify(sent, slices.DeleteFunc(slices.Clone(sentOn), signal.Ignored)...)
	r.signals.forwarded.Store(true)
	defer func() {
		r.signals.forwarded.Store(false)
		signal.Stop(sent)
	}()
	p, err := c.Start(os.Stdin, os.Stdout, os.Stderr)
	if err != nil {
		return err
	}
	var state *os.ProcessState
	ended := make(chan error, 1)
	go func() {
		var err error
		state, err = p.Wait()
		ended <- err
	}()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("wait for the command: %w", err)
			}
			r.keep(statusOf(state))
			return nil
		case s := <-sent:
			if s == unix.SIGINT || s == unix.SIGQUIT || s == unix.SIGTERM || s == unix.SIGHUP {
				r.ended = s
			}
			if (s == unix.SIGINT || s == unix.SIGQUIT) && inForeground() {
				continue
			}
			_ = p.Signal(s) // if it fails, the command has ended
		}
	}
}

// statusOf returns the exit status of a command as a shell has it.
func statusOf(state *os.ProcessState) int {
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return state.ExitCode()
}

// failure returns what the exit status is, nil for 0.
func (r *runner) failure(ctx context.Context) error {
	if s, ok := r.ended.(syscall.Signal); ok {
		r.keep(128 + int(s))
	}
	if r.status == 0 {
		return ctx.Err()
	}
	return commandStatus(r.status)
}
