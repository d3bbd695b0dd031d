// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// The targets of `nsinspect list --engine proc`.
const (
	targetLoad   = "10000 processes in 200 namespaces"
	targetFloor  = 1.6      // times the floor, at most
	targetLsns   = 1.0 / 8  // of lsns -t net, at most
	targetRSS    = 64 << 20 // bytes, less than
	targetGrowth = 0.15     // more time per process under the larger load, at most
)

// target is a promise and what was found.
type target struct{ Promise, Found, Met string }

func verdict(known, met bool) string {
	switch {
	case !known:
		return "unknown"
	case met:
		return "met"
	}
	return "not met"
}

// targets compares the figures with the targets.
func (r report) targets() []target {
	if len(r.Sets) == 0 {
		return nil
	}
	s := r.Sets[0]
	list := s.find(listTable)
	took := medianBy(list, wall)
	toFloor := ratio(took, s.floorTime())
	bothOne := ratio(medianBy(s.find(listOneCore), wall), s.floorTime())
	toLsns := ratio(took, medianBy(s.find(lsnsNet), wall))
	all := []target{
		{fmt.Sprintf("at most %.1f × the floor (on one core)", targetFloor), times(toFloor) + " ×",
			verdict(toFloor > 0, toFloor <= targetFloor)},
		{"the same, nsinspect on one core as well", times(bothOne) + " ×", verdict(bothOne > 0, bothOne <= targetFloor)},
		{"at most 1/8 of lsns -t net", fraction(toLsns), verdict(toLsns > 0, toLsns <= targetLsns)},
		{"peak memory under 64 MiB", mebibytes(peak(list)) + " MiB", verdict(len(list) > 0, peak(list) < targetRSS)},
	}
	if len(r.Sets) > 1 {
		g := growth(s, r.Sets[1], listTable, wall)
		all = append(all, target{
			fmt.Sprintf("at most 15 %% more time a process with %d than with %d", r.Sets[1].Processes, s.Processes),
			fmt.Sprintf("%+.0f %%", 100*(g-1)), verdict(g > 0, g <= 1+targetGrowth)})
	}
	return all
}

// fraction writes a small ratio the way the target does.
func fraction(r float64) string {
	if r == 0 {
		return ""
	}
	return fmt.Sprintf("1/%.1f", 1/r)
}
