// SPDX-License-Identifier: Apache-2.0

package testreport

import (
	"maps"
	"slices"
	"strings"
)

// Collector puts the events of one run together.
type Collector struct {
	running map[string]map[string]*strings.Builder // output by package and test
	failed  map[string]bool                        // packages with a test that failed
	summary Summary
}

// NewCollector returns a collector for a suite.
func NewCollector(suite string) *Collector {
	return &Collector{
		running: map[string]map[string]*strings.Builder{},
		failed:  map[string]bool{},
		summary: Summary{Suite: suite},
	}
}

// Add takes one event. It returns what is to be shown of it: a package's result, and
// all that a failed test printed.
func (c *Collector) Add(e Event) string {
	switch {
	case e.Action == "build-output":
		return e.Output
	case e.Package == "":
		return ""
	}
	tests := c.running[e.Package]
	if tests == nil {
		tests = map[string]*strings.Builder{"": {}} // the package's own
		c.running[e.Package] = tests
	}
	output := tests[e.Test]
	if output == nil {
		output = &strings.Builder{}
		tests[e.Test] = output
	}
	output.WriteString(e.Output)
	switch {
	case !e.ends():
		return ""
	case e.Test == "":
		return c.endPackage(e, tests)
	}
	delete(tests, e.Test)
	return c.end(e, output.String())
}

// endPackage ends a package. In one that failed, what had not ended by then is what
// it died of, and failed too; so did the package itself where no test of it did, as
// where it was not built.
func (c *Collector) endPackage(e Event, tests map[string]*strings.Builder) string {
	delete(c.running, e.Package)
	printed := tests[""].String()
	delete(tests, "")
	var shown strings.Builder
	if e.Action == "fail" {
		for _, name := range slices.Sorted(maps.Keys(tests)) {
			shown.WriteString(c.end(Event{Action: "fail", Package: e.Package, Test: name}, tests[name].String()))
		}
		if !c.failed[e.Package] {
			c.summary.Failed = append(c.summary.Failed, Test{Package: short(e.Package)})
		}
	}
	for line := range strings.Lines(printed) {
		if line != "PASS\n" && line != "FAIL\n" {
			shown.WriteString(line)
		}
	}
	return shown.String()
}

// end counts a test that ended.
func (c *Collector) end(e Event, output string) string {
	c.summary.Add(Test{short(e.Package), e.Test}, e.Action, output)
	if e.Action != "fail" {
		return ""
	}
	c.failed[e.Package] = true
	return output
}

// Summary ends the run and returns what it showed. Packages that have not ended were
// killed, and count as failed.
func (c *Collector) Summary() Summary {
	for _, name := range slices.Sorted(maps.Keys(c.running)) {
		c.endPackage(Event{Action: "fail", Package: name}, c.running[name])
	}
	return c.summary
}
