// SPDX-License-Identifier: Apache-2.0

package trace_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/testlock"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// TestCloseWhileReading closes a tracer of every tier while others wait for an event,
// and count losses: they return ErrClosed, soon.
func TestCloseWhileReading(t *testing.T) {
	need.Root(t)
	testlock.Shared(t)
	for _, tier := range trace.Tiers() {
		t.Run(tier.Name, func(t *testing.T) {
			for range 2 {
				closeWhileReading(t, tier.Tier)
			}
		})
	}
}

func closeWhileReading(t *testing.T, tier trace.Tier) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tracer, err := trace.Open(ctx, trace.Options{Tier: tier, Filter: trace.Filter{Comm: "nobody"}})
	if err != nil {
		if tier == 2 {
			need.Fentry.Lacks(t, err.Error())
		}
		need.Missing(t, err.Error())
	}
	results := make(chan error, 2)
	reading := make(chan struct{})
	go func() {
		close(reading)
		_, err := tracer.Read()
		results <- err
	}()
	go func() {
		for {
			if _, err := tracer.Lost(); err != nil {
				results <- err
				return
			}
		}
	}()
	<-reading
	for range 2 {
		if err := tracer.Close(); err != nil {
			t.Errorf("close tracer: %v", err)
		}
	}
	for range 2 {
		select {
		case err := <-results:
			if !errors.Is(err, trace.ErrClosed) {
				t.Errorf("%v, want %v", err, trace.ErrClosed)
			}
		case <-time.After(time.Minute):
			t.Fatal("it still waits")
		}
	}
	if _, err := tracer.Read(); !errors.Is(err, trace.ErrClosed) {
		t.Errorf("read after the end: %v", err)
	}
	if err := tracer.Detach(); !errors.Is(err, trace.ErrClosed) {
		t.Errorf("detach after the end: %v", err)
	}
	if _, err := tracer.Finish(); !errors.Is(err, trace.ErrClosed) {
		t.Errorf("finish after the end: %v", err)
	}
}
