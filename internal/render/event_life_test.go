// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nsinspect/nsinspect/internal/wire/wiretest"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

func TestLife(t *testing.T) {
	ns := trace.NS{Inode: 4026532177, Cookie: 4101}
	lives := []lifecycle.Event{
		{Kind: lifecycle.Created, Time: noon, NS: ns, By: &trace.Event{Call: trace.Unshare, PID: 42, TID: 43, Comm: "a\x1b\xff"}},
		{Kind: lifecycle.Created, Time: noon, NS: ns, Within: time.Second},
		{Kind: lifecycle.Named, Time: noon, NS: ns, Names: []string{"blue", "a\nb"}, Within: time.Second},
		{Kind: lifecycle.Unnamed, Time: noon, NS: ns, Names: []string{"blue"}, Within: time.Second},
		{Kind: lifecycle.Freed, Time: noon, NS: ns, Names: []string{"blue"}, Within: time.Second, Lived: 17*time.Second + 123*time.Millisecond},
	}
	var lines, records []byte
	table, records2 := NewEvents(Table, Style{}, nil), NewEvents(JSON, Style{}, nil)
	for i := range lives {
		lines = table.Life(lines, &lives[i])
		records = records2.Life(records, &lives[i])
	}
	clock := string(appendClock(nil, noon))
	want := clock + `  "a\x1b\xff"[42/43]  created 4026532177
` + clock + `                      created 4026532177
` + clock + `                      named blue,"a\nb" (4026532177)
` + clock + `                      unnamed 4026532177: no more called blue
` + clock + `                      freed blue (4026532177) after at most 17.1s
`
	if diff := cmp.Diff(want, string(lines)); diff != "" {
		t.Error(diff)
	}
	at := `{"time":"` + noon.Format(time.RFC3339Nano) + `","event":`
	net := `"namespace":{"type":"net","inode":4026532177,"cookie":4101`
	want = strings.Join([]string{
		at + `"created",` + net + `},"by":{"event":"unshare","pid":42,"tid":43,"comm":"a\u001b\ufffd","comm_base64":"YRv/"}}`,
		at + `"created",` + net + `},"within_ns":1000000000}`,
		at + `"named",` + net + `,"name":"blue"},"names":["blue","a\nb"],"within_ns":1000000000}`,
		at + `"unnamed",` + net + `},"names":["blue"],"within_ns":1000000000}`,
		at + `"freed",` + net + `,"name":"blue"},"names":["blue"],"within_ns":1000000000,"lifetime_ns":17123000000}`, "",
	}, "\n")
	if err := wiretest.Validate(records); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, string(records)); diff != "" {
		t.Error(diff)
	}
}
