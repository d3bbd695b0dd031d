// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// throttled reads so many bytes a second.
type throttled struct {
	io.Reader
	rate int
}

func (r throttled) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p[:min(len(p), 16<<10)])
	time.Sleep(time.Second * time.Duration(n) / time.Duration(r.rate))
	return n, err
}

// readAll reads stdout to its end, at so many bytes a second; 0 for as many as there
// are.
func (x *traced) readAll(rate int) []byte {
	x.t.Helper()
	var r io.Reader = x.stdout
	if rate > 0 {
		r = throttled{r, rate}
	}
	out, err := io.ReadAll(r)
	if err != nil {
		x.t.Fatal(err)
	}
	return out
}

// outcome is what a trace reports of its setns calls.
type outcome struct {
	written, lost, after int
	ended                bool // there is an end record
}

func (x *traced) outcome(out []byte) outcome { x.t.Helper(); return parseOutcome(x.t, out) }

// parseOutcome reads what is written, which has to be whole lines.
func parseOutcome(t *testing.T, out []byte) (o outcome) {
	t.Helper()
	for line := range bytes.Lines(out) {
		var r struct {
			Event, Kind string
			Total       int
			After       int `json:"after_count"`
			Events      map[string]int
		}
		if err := json.Unmarshal(line, &r); err != nil || !bytes.HasSuffix(line, []byte{'\n'}) {
			t.Fatalf("no whole line of JSON (%v): %q", err, line)
		}
		switch {
		case r.Event == "setns":
			o.written++
		case r.Event == "lost" && r.Kind == "setns":
			o.lost = r.Total
		case r.Event == "end":
			o.ended, o.after = true, r.After
			if r.Events["setns"] != o.written {
				t.Errorf("%d setns written, and the end record has %d", o.written, r.Events["setns"])
			}
		}
	}
	return o
}

var (
	notedWritten = regexp.MustCompile(`nsinspect: (?:(\d+) setns|no events)[ ;]`)
	notedLost    = regexp.MustCompile(`; (\d+) setns calls?(?:, .*)? lost; tier`)
)

// noted reads the summary on stderr.
func (x *traced) noted() (o outcome) {
	x.t.Helper()
	text := x.stderr()
	w := notedWritten.FindStringSubmatch(text)
	if w == nil {
		x.t.Fatalf("no summary on stderr: %s", text)
	}
	o.written, _ = strconv.Atoi(w[1]) // none for "no events"
	if l := notedLost.FindStringSubmatch(text); l != nil {
		o.lost, _ = strconv.Atoi(l[1]) // digits
	}
	return o
}
