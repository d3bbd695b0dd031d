// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/pkg/trace"
)

// Every tier and every limitation has a phrase.
func TestTierPhrases(t *testing.T) {
	for _, tier := range trace.Tiers() {
		if Tier(tier) == "" {
			t.Errorf("tier %d has no phrase", tier.Tier)
		}
		for i, phrase := range Limitations(tier) {
			if phrase == "" {
				t.Errorf("limitation %q of tier %d has no phrase", tier.Limitations[i], tier.Tier)
			}
		}
	}
	if phrase := limitation(trace.LacksPreempted); phrase == "" {
		t.Error("no phrase for the limitation of Linux 7")
	}
}

func TestMissed(t *testing.T) {
	if none, some := Missed(0), Missed(200*time.Millisecond); strings.Contains(none, "0") || !strings.Contains(some, "less than 200ms") {
		t.Errorf("%q, %q", none, some)
	}
}
