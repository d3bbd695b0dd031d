// SPDX-License-Identifier: Apache-2.0

package render

import (
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour:                            "0s",
		999 * time.Millisecond:                "0s",
		42 * time.Second:                      "42s",
		time.Minute:                           "1m",
		5*time.Minute + 10*time.Second:        "5m10s",
		3*time.Hour + 20*time.Minute + 59e9:   "3h20m",
		48 * time.Hour:                        "2d",
		76*time.Hour + 59*time.Minute:         "3d4h",
		100*24*time.Hour + 23*time.Hour:       "100d",
		3*24*time.Hour + 59*time.Minute + 1e9: "3d",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) is %q, want %q", d, got, want)
		}
	}
}

func TestAgeText(t *testing.T) {
	now := time.Unix(1700000000, 0)
	if got := ageText(ns.Age{}, now); got != "" {
		t.Errorf("unknown age is %q", got)
	}
	if got := ageText(ns.Age{Since: now.Add(-time.Minute), From: ns.FromName}, now); got != "1m by name" {
		t.Errorf("age is %q", got)
	}
}
