// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// ageText returns how old a namespace is and from what that is known: "3d4h by name".
func ageText(a ns.Age, now time.Time) string {
	if a.Since.IsZero() {
		return ""
	}
	return span(now.Sub(a.Since)) + " by " + string(a.From)
}

// span shows a time in its two largest units: "42s", "5m10s", "3h20m", "3d4h".
// What is not there yet, by a clock that was set, is "0s".
func span(d time.Duration) string {
	units := []struct {
		name string
		d    time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if d < u.d {
			continue
		}
		text := fmt.Sprintf("%d%s", d/u.d, u.name)
		if i+1 < len(units) && d < 100*u.d && d%u.d >= units[i+1].d {
			text += fmt.Sprintf("%d%s", d%u.d/units[i+1].d, units[i+1].name)
		}
		return text
	}
	return "0s"
}
