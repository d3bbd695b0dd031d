// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// What no runtime makes as long is no container.
func TestContainerLimits(t *testing.T) {
	long := strings.Repeat("a", 300)
	for _, c := range []Container{
		{Owner: Owner{ID: long}}, {Owner: Owner{Name: long}}, {Owner: Owner{Unit: long}}, {Owner: Owner{Pod: long + "/" + long}},
		{Owner: Owner{Service: long + "/" + long}}, {Sandbox: strings.Repeat("/a", 3000)}, {cgroup: strings.Repeat("/a", 3000)},
	} {
		var length *LengthError
		if err := c.check(); !errors.As(err, &length) || length.Length <= length.Limit {
			t.Errorf("%+v: %v", c, err)
		}
	}
	name := strings.Repeat("a", maxName)
	if err := (&Container{Owner: Owner{ID: name, Name: name, Unit: name, Pod: name + "/" + name}}).check(); err != nil {
		t.Error(err)
	}
}

// A file of a million labels costs what the file does.
func TestLabelsAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"annotations":{"io.kubernetes.pod.name":"web"`)
	for i := range 100_000 {
		fmt.Fprintf(&b, `,"k%d":"v"`, i)
	}
	b.WriteString(`}}`)
	text := []byte(b.String())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := parseSpec(text, false)
	runtime.ReadMemStats(&after)
	if err != nil || len(s.annotations) != 1 {
		t.Errorf("%d annotations, %v", len(s.annotations), err)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > uint64(4*len(text)) {
		t.Errorf("%d bytes allocated for %d", made, len(text))
	}
	if err := object([]byte(`{"a":`+strings.Repeat("[", 1_000_000)+strings.Repeat("]", 1_000_000)+`}`), map[string]any{"a": &s.annotations}); !errors.Is(err, errJSON) {
		t.Error(err)
	}
}
