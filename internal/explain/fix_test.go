// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"slices"
	"testing"
)

// Of many steps each command and each sentence comes once, in order.
func TestManySteps(t *testing.T) {
	for _, many := range []int{1, 15, 16, 17, 100} {
		var fixes []Fix
		var commands, sentences []string
		for i := range 3 * many {
			fixes = append(fixes, Fix{Command: fmt.Sprint("do ", i%many)}, advise("do %d", i%many))
			if i < many {
				commands, sentences = append(commands, fmt.Sprint("do ", i)), append(sentences, fmt.Sprintf("Do %d.", i))
			}
		}
		if got := Commands(slices.Values(fixes)); !slices.Equal(got, commands) {
			t.Errorf("commands %q, want %q", got, commands)
		}
		if got := Advice(slices.Values(fixes)); !slices.Equal(got, sentences) {
			t.Errorf("sentences %q, want %q", got, sentences)
		}
	}
}
