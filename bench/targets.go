// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// The targets of `nsinspect list`.
const (
	targetLoad    = "10000 processes in 200 namespaces"
	targetFloor   = 1.6      // times the floor, at most
	targetBPFLsns = 1.0 / 10 // of lsns -t net, at most, for a complete scan by bpf
	targetBPFRSS  = 24 << 20 // bytes, at most
	targetAllRSS  = 96 << 20 // bytes, less than, for a complete scan by proc
	targetLsns    = 1.0 / 8  // of lsns -t net, at most
	targetRSS     = 64 << 20 // bytes, less than
	targetGrowth  = 0.15     // more time per process under the larger load, at most
)

// targetBPF is how many times the floor a complete scan by bpf takes at most: its own
// start is in it, and much of that is page faults.
func (m machine) targetBPF() float64 {
	if m.PageFault < costlyFault {
		return 0.9
	}
	return 1.5
}

// target is a promise and what was found.
type target struct{ Promise, Found, Met string }

// verdict has no opinion on times taken while the machine was busy.
func verdict(known, busy, met bool) string {
	switch {
	case !known:
		return "unknown"
	case busy:
		return "unclear, machine busy"
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
	busy := s.busy()
	list := s.find(listTable)
	took := medianBy(list, wall)
	toFloor := ratio(took, s.floorTime())
	bothOne := ratio(medianBy(s.find(listOneCore), wall), s.floorTime())
	toLsns := ratio(took, medianBy(s.find(lsnsNet), wall))
	all := []target{
		{fmt.Sprintf("at most %.1f × the floor (on one core)", targetFloor), times(toFloor) + " ×",
			verdict(toFloor > 0, busy, toFloor <= targetFloor)},
		{"the same, nsinspect on one core as well", times(bothOne) + " ×", verdict(bothOne > 0, busy, bothOne <= targetFloor)},
		{"at most 1/8 of lsns -t net", fraction(toLsns), verdict(toLsns > 0, busy, toLsns <= targetLsns)},
		{"peak memory under 64 MiB", mebibytes(peak(list)) + " MiB", verdict(len(list) > 0, false, peak(list) < targetRSS)},
	}
	toFDs := ratio(medianBy(s.find(listProc), wall), medianBy(s.find(floorFDs), loop))
	bpf := ratio(medianBy(s.find(listBPF), wall), s.floorTime())
	bpfLsns := ratio(medianBy(s.find(listBPF), wall), medianBy(s.find(lsnsNet), wall))
	proc, ofBPF := peak(s.find(listProc)), peak(s.find(listBPF))
	all = append(all,
		target{fmt.Sprintf("every source, engine proc: at most %.1f × the floor of tasks and files", targetFloor), times(toFDs) + " ×",
			verdict(toFDs > 0, busy, toFDs <= targetFloor)},
		target{fmt.Sprintf("every source, engine bpf: at most %.1f × the floor of processes", r.Machine.targetBPF()), times(bpf) + " ×",
			verdict(bpf > 0, busy, bpf <= r.Machine.targetBPF())},
		target{"every source, engine bpf: at most 1/10 of lsns -t net", fraction(bpfLsns), verdict(bpfLsns > 0, busy, bpfLsns <= targetBPFLsns)},
		target{"every source, engine bpf: peak memory at most 24 MiB", mebibytes(ofBPF) + " MiB", verdict(ofBPF > 0, false, ofBPF <= targetBPFRSS)},
		target{"every source, engine proc: peak memory under 96 MiB", mebibytes(proc) + " MiB", verdict(proc > 0, false, proc < targetAllRSS)},
	)
	if len(r.Sets) > 1 {
		for _, name := range []string{listTable, listProc, listBPF} {
			g := growth(s, r.Sets[1], name, wall)
			all = append(all, target{
				fmt.Sprintf("%s: at most 15 %% more time a process with %d than with %d", name, r.Sets[1].Processes, s.Processes),
				fmt.Sprintf("%+.0f %%", 100*(g-1)), verdict(g > 0, busy || r.Sets[1].busy(), g <= 1+targetGrowth)})
		}
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
