// SPDX-License-Identifier: Apache-2.0

package nstest

import (
	"encoding/json"
	"testing"
)

func TestScenes(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(string(k), func(t *testing.T) {
			s := Make(t, k)
			text, _ := json.Marshal(s.Truth)
			t.Log(string(text))
			s.Free()
		})
	}
}
