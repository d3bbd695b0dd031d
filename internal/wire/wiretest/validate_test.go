// SPDX-License-Identifier: Apache-2.0

package wiretest

import "testing"

func TestValidate(t *testing.T) {
	const lost = `{"time":"2026-03-01T12:00:00.5Z","event":"lost","kind":"setns","count":0,"total":0}`
	for text, ok := range map[string]bool{
		lost:               true,
		lost + "\n" + lost: true,
		"":                 false,
		"{":                false,
		lost + "\n{}":      false,
		`{"time":"2026-03-01T12:00:00.5Z","event":"lost","kind":"setns","new":1}`:     false,
		`{"time":"2026-03-01T12:00:00.5Z","event":"lost","kind":"other"}`:             false,
		`{"time":"2026-03-01T12:00:00.5Z","event":"lost","kind":"setns","count":"0"}`: false,
		`{"time":"2026-13-01T12:00:00.5Z","event":"lost","kind":"setns"}`:             false,
		`{"time":"yesterday","event":"lost","kind":"setns"}`:                          false,
	} {
		if err := Validate([]byte(text)); (err == nil) != ok {
			t.Errorf("%s: %v, want it valid: %v", text, err, ok)
		}
	}
}
