// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"encoding/json"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nsRow is a namespace as lsns shows it.
type nsRow struct {
	inode, processes uint64
	pid              uint64
	user, command    string
}

// TestSameRows compares lsns with list, row by row and type by type, in CSV and in JSON.
func TestSameRows(t *testing.T) {
	h := startHabitHost(t)
	for _, typ := range []string{"net", "mnt", "uts", "ipc", "pid", "user", "cgroup", "time"} {
		t.Run(typ, func(t *testing.T) {
			theirs := lsnsRows(t, h, typ)
			table := csvRows(t, h, typ)
			fromJSON, more := jsonRows(t, h, typ)
			if d := cmp.Diff(theirs, table, cmp.AllowUnexported(nsRow{})); d != "" {
				t.Errorf("lsns and list --columns (-lsns +list):\n%s", d)
			}
			if d := cmp.Diff(theirs, fromJSON, cmp.AllowUnexported(nsRow{})); d != "" {
				t.Errorf("lsns and list -o json (-lsns +list):\n%s", d)
			}
			// What only ours has: a name without a process, and what two threads are in.
			want := 0
			if typ == "net" {
				want = 3
			}
			if more != want {
				t.Errorf("list has %d namespaces without a process, want %d", more, want)
			}
		})
	}
}

func lsnsRows(t *testing.T, h *habitHost, typ string) []nsRow {
	t.Helper()
	type namespace struct {
		NS, NProcs, PID json.Number
		User, Command   string
		Children        []json.RawMessage // by the parents of the processes
	}
	var out struct{ Namespaces []namespace }
	decode(t, h.output(t, "lsns", "-t", typ, "-o", "NS,NPROCS,PID,USER,COMMAND", "-J"), &out)
	var all []nsRow
	for rest := out.Namespaces; len(rest) > 0; rest = rest[1:] {
		n := rest[0]
		if n.NProcs != "0" { // of later versions
			all = append(all, nsRow{uintOf(t, n.NS), uintOf(t, n.NProcs), uintOf(t, n.PID), n.User, n.Command})
		}
		for _, text := range n.Children {
			var child namespace
			decode(t, string(text), &child)
			rest = append(rest, child)
		}
	}
	if len(all) == 0 {
		t.Fatalf("lsns shows nothing")
	}
	return byInode(all)
}

func csvRows(t *testing.T, h *habitHost, typ string) []nsRow {
	t.Helper()
	out := h.output(t, "nsinspect", "list", "-t", typ, "-o", "csv", "--columns", "INODE,PROCS,PID,USER,COMMAND", "--noheadings", "--filter", "procs > 0")
	cells, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var all []nsRow
	for _, c := range cells {
		all = append(all, nsRow{uintOf(t, c[0]), uintOf(t, c[1]), uintOf(t, c[2]), c[3], c[4]})
	}
	return byInode(all)
}

// jsonRows returns also how many namespaces without a process there are.
func jsonRows(t *testing.T, h *habitHost, typ string) (all []nsRow, more int) {
	t.Helper()
	var out struct {
		Namespaces []struct {
			Inode, Processes uint64
			Leader           *struct {
				PID     uint64
				UID     int
				Comm    string
				Cmdline []string
			}
		}
	}
	decode(t, h.output(t, "nsinspect", "list", "-t", typ, "-o", "json"), &out)
	for _, n := range out.Namespaces {
		if n.Processes == 0 {
			if slices.Contains(h.known, strconv.FormatUint(n.Inode, 10)) { // others are of other tests
				more++
			}
			continue
		}
		u, err := user.LookupId(strconv.Itoa(n.Leader.UID))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, nsRow{n.Inode, n.Processes, n.Leader.PID, u.Username, strings.Join(n.Leader.Cmdline, " ")})
	}
	return byInode(all), more
}

// output runs a program on the host. Like lsns it counts itself.
func (h *habitHost) output(t *testing.T, args ...string) string {
	t.Helper()
	out, err := h.command(args...).Output()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return string(out)
}

func decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatal(err)
	}
}

func uintOf[T ~string](t *testing.T, text T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func byInode(all []nsRow) []nsRow {
	slices.SortFunc(all, func(a, b nsRow) int { return int(a.inode) - int(b.inode) })
	return all
}
