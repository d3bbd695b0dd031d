// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"runtime/debug"
	"slices"
	"time"

	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/doctor"
)

// doctorWatch is the state of doctor --watch.
type doctorWatch struct {
	*app
	view   doctorView
	last   *doctor.Report // nil before the first look
	noted  []string
	redraw bool
	screen redraw
}

// watchDoctor checks until it has to stop, which is no failure.
func (a *app) watchDoctor(ctx context.Context, opts doctor.Options, view doctorView) error {
	debug.SetGCPercent(100) // it stays: memory matters more than a millisecond
	w := doctorWatch{app: a, view: view, redraw: a.redraws(a.style()) && view.format == render.Table}
	tick := time.NewTicker(view.every)
	defer tick.Stop()
	for {
		report, err := doctor.Run(ctx, opts)
		if err == nil {
			err = w.show(render.Filter(report, view.filter))
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// show writes a report, or what has changed since the last one.
func (w *doctorWatch) show(r *doctor.Report) error {
	var out bytes.Buffer
	var err error
	switch {
	case w.redraw:
		out.WriteString(w.screen.next(w.style()))
		err = render.Doctor(&out, r, w.view.format, w.view.style(w.app))
	case w.view.format == render.Table:
		err = render.Changes(&out, w.last, r, w.style())
	default:
		if w.last != nil {
			if err := w.between(w.view.format); err != nil {
				return err
			}
		}
		err = render.Doctor(&out, r, w.view.format, w.view.style(w.app))
	}
	if err != nil {
		return err
	}
	if err := w.write(out.Bytes()); err != nil {
		return err
	}
	// Of the last report its findings are compared, and no more of it is kept.
	w.last = &doctor.Report{Findings: slices.Clone(r.Findings)}
	for i := range w.last.Findings {
		f := &w.last.Findings[i]
		*f = doctor.Finding{ID: f.ID, Check: f.Check, Severity: f.Severity, Subject: f.Subject}
	}
	notes := render.GapNotes(r.Snapshot, r.Owners, w.verbose)
	if w.redraw && isTerminal(w.stderr) || !slices.Equal(notes, w.noted) { // a redraw wipes the last ones away
		w.note(notes)
		w.noted = notes
	}
	return nil
}
