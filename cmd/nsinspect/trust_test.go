// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/hosttest"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

const (
	liar = 4077 // the UID of the user who lies
	web  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01"
)

// recordedWorld is the machine "trust".
func recordedWorld(dir string) world {
	w := world{dir, append([]string{"unit:nginx.service", "1004", "pid:1004", "4026532101", "net:[4026532102]"}, rootsRefs...), map[float64]bool{}}
	for inode := float64(4026532101); inode < 4026532106; inode++ {
		w.inodes[inode] = true
	}
	return w
}

// rootsRefs are references to what root has on every such machine, or has not.
var rootsRefs = []string{
	"blue", "red", "old", "gone", "web", "docker:web", web, web[:12], "stopped", "docker:stopped", "pod:kube-system/dns", "cni-1", "/run/netns/blue",
}

// recordedPlaces are what a user may say of places on the machine "trust".
var recordedPlaces = []string{"/proc/1001/ns/net", "/proc/1004/ns/net", "/proc/5001/ns/net", "/proc/5002/ns/net"}

// lies has what a user makes up.
type lies struct {
	*rand.Rand
	dir    string   // the root of the machine
	places []string // where namespaces are, and what is none
}

// world is the machine that root looks at.
type world struct {
	root   string           // what --root is given; "" for this machine
	refs   []string         // references to what root has, or has not
	inodes map[float64]bool // of root's namespaces
}

// seen is what root sees of what is root's: for each command, of which who-uses is given some
// references at a time, the exit status and the output, without what is a user's; with examine
// also what doctor reports.
func (w world) seen(t *testing.T, refs [][]string, examine bool) map[string]string {
	t.Helper()
	all := map[string]string{}
	for i, n := range w.roots(t, w.run(t, all, "list", "-o", "json"), "namespaces") {
		all[fmt.Sprint("listed ", i)] = n
	}
	if examine {
		all["findings"] = strings.Join(w.findings(t, w.run(t, all, "doctor", "--min-age", "0", "-o", "json")), "\n")
	}
	for _, those := range refs {
		docs := json.NewDecoder(strings.NewReader(w.run(t, all, append([]string{"who-uses", "-o", "json"}, those...)...)))
		for i := 0; docs.More(); i++ {
			var doc json.RawMessage
			if err := docs.Decode(&doc); err != nil {
				t.Fatal(err)
			}
			for _, member := range []string{"namespace", "verdict", "fix", "advice"} {
				all[fmt.Sprint(member, " ", i, " of ", those)] = fmt.Sprint(w.roots(t, string(doc), member))
			}
		}
	}
	return all
}

// run runs a command, adds its exit status and message to all, and returns its output.
func (w world) run(t *testing.T, all map[string]string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{stdout: &stdout, stderr: &stderr, env: os.Environ(), openTracer: openTracer}
	where := args
	if w.root != "" {
		where = append(slices.Clone(args), "--root", w.root)
	}
	status := a.run(t.Context(), where)
	message := stderr.String()
	if stdout.Len() > 0 { // else it is a note of something that is a user's
		message = ""
	}
	all[fmt.Sprint(args)] = fmt.Sprintf("%d %s", status, message)
	return stdout.String()
}

// findings returns the findings of a report on what is root's.
func (w world) findings(t *testing.T, text string) (kept []string) {
	t.Helper()
	var report struct {
		Findings []struct {
			Check, Severity, Path, Summary, Authority string
			Subject                                   struct{ Inode float64 }
			Fix, Alternative, Advice                  []string
		}
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, f := range report.Findings {
		if f.Subject.Inode != 0 && !w.inodes[f.Subject.Inode] || f.Subject.Inode == 0 && strings.HasPrefix(f.Authority, "user") {
			continue
		}
		kept = append(kept, fmt.Sprintf("%+v", f))
	}
	return kept
}

// roots returns a member of a JSON document, or each element of one, without names
// that users have made and namespaces that are users'.
func (w world) roots(t *testing.T, text, member string) []string {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	list, ok := doc[member].([]any)
	if !ok {
		list = []any{doc[member]}
	}
	var kept []string
	for _, v := range list {
		if n, ok := v.(map[string]any); ok {
			if !w.inodes[n["inode"].(float64)] {
				continue
			}
			var names []any
			for _, name := range n["names"].([]any) {
				if !strings.HasPrefix(name.(map[string]any)["authority"].(string), "user") {
					names = append(names, name)
				}
			}
			n["names"] = names
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, string(text))
	}
	return kept
}

// before is what root sees without the user, and without a scan by another program, which
// compare would wait for.
func (w world) before(t *testing.T) (all map[string]string) {
	t.Helper()
	var each [][]string
	for _, ref := range w.refs {
		each = append(each, []string{ref})
	}
	if !nstest.Eventually(t, func() string {
		last := all
		all = w.seen(t, each, true)
		maps.Copy(all, w.seen(t, [][]string{w.known(all)}, false))
		return cmp.Diff(last, all) + visited(t, all)
	}) {
		t.FailNow()
	}
	for ref, want := range map[string]string{"blue": "0", "web": "0", "red": "0", "old": "1", "stopped": "1"} {
		if got := all[fmt.Sprint([]string{"who-uses", "-o", "json", ref})]; !strings.HasPrefix(got, want+" ") {
			t.Fatalf("who-uses %s: %q, want exit status %s", ref, got, want)
		}
	}
	return all
}

// known returns the references that lead somewhere, by what root saw of each.
func (w world) known(all map[string]string) (refs []string) {
	for _, ref := range w.refs {
		if strings.HasPrefix(all[fmt.Sprint([]string{"who-uses", "-o", "json", ref})], "0 ") {
			refs = append(refs, ref)
		}
	}
	return refs
}

// compare fails if root sees something else than before: by every reference that led somewhere,
// all at once, and one that may not have.
func (w world) compare(t *testing.T, l lies, round int, all map[string]string) {
	t.Helper()
	refs := [][]string{w.known(all), {w.refs[l.IntN(len(w.refs))]}}
	// A scan by another program has files and sockets of every namespace for a moment.
	if !nstest.Eventually(t, func() string {
		got := w.seen(t, refs, round%5 == 0)
		want := map[string]string{}
		for what, text := range all {
			if _, ok := got[what]; ok || strings.HasPrefix(what, "listed ") {
				want[what] = text
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Sprintf("round %d: root sees something else:\n%s", round, diff)
		}
		return ""
	}) {
		t.FailNow()
	}
}

// TestUserWhoLies has root's namespaces, every reference to them, every fix for them and
// every exit status be the same, whatever a user makes up.
func TestUserWhoLies(t *testing.T) {
	rounds, flags := 150, []string{"-test.timeout=10m"}
	if *full {
		rounds, flags = 10_000, []string{"-full", "-test.timeout=60m"}
	}
	if !nstest.PrivateMounts(t, flags...) { // as root, to make files of a user
		return
	}
	lookAtOnce(t)
	shards := runtime.GOMAXPROCS(0)
	t.Run("fakes", func(t *testing.T) {
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				lieOnFake(t, shard, rounds, shards)
			})
		}
	})
}

// lookAtOnce has doctor not wait before its second look: nothing changes meanwhile.
func lookAtOnce(t *testing.T) {
	t.Helper()
	before := secondLook
	secondLook = 0
	t.Cleanup(func() { secondLook = before })
}

// inMemory has what is made in a directory be on no disk, which takes several times as long.
// The mount goes with the mount namespace of the test.
func inMemory(t *testing.T, dir string) {
	t.Helper()
	switch err := unix.Mount("trust", dir, "tmpfs", 0, "mode=755"); {
	case errors.Is(err, unix.EPERM):
		return
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
}

// lieOnFake makes every step-th round up to an end.
func lieOnFake(t *testing.T, first, end, step int) {
	t.Helper()
	archive, err := os.ReadFile("testdata/machines/trust.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	inMemory(t, dir)
	if err := hosttest.Unpack(dir, archive); err != nil {
		t.Fatal(err)
	}
	w := recordedWorld(dir)
	all := w.before(t)
	for round := first; round < end; round += step {
		l := lies{rand.New(rand.NewPCG(uint64(round), 1)), dir, recordedPlaces}
		l.spread(t)
		w.compare(t, l, round, all)
		l.unsay(t)
	}
}
