// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/doctor"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Findings about a path, which are of no namespace, are read as they were written, and so is where a
// symlink leads to.
func TestReadFindingOfPath(t *testing.T) {
	f := machine(noon, netNS(3, 11, "blue"))
	f.Snapshot.Kept = &ns.Kept{}
	f.Snapshot.Dangling = []ns.DanglingName{{
		Path: "/run/netns/gone", Kind: ns.NameSymlink, Reason: "a symlink to x\xff, which does not exist", Target: "x\xff", Authority: ns.RootAuthority,
	}}
	f.Report = &doctor.Report{Snapshot: f.Snapshot.Of(ns.Net)}
	for _, path := range []string{"/run/netns/gone", "/run/netns/a%b", "/run/netns/left\xff"} {
		f.Report.Findings = append(f.Report.Findings, doctor.Finding{
			ID: "dangling-link:" + path, Check: "dangling-link", Severity: doctor.Warning, Subject: path, Path: path, Authority: ns.RootAuthority,
			Text: explain.Text{Summary: "100% gone", Fix: []string{"rm -- /run/netns/x"}},
		})
	}
	got, err := Read(bytes.NewReader(written(t, f, Encoding{})))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range f.Report.Findings {
		if f := got.Report.Findings[i]; f.Path != want.Path || i < 2 && (f.ID != want.ID || f.Subject != want.Subject) || f.Summary != want.Summary {
			t.Errorf("written:\n%+v\nread:\n%+v", want, f)
		}
	}
	if got := got.Snapshot.Dangling; len(got) != 1 || got[0].Target != "x\xff" {
		t.Errorf("dangling names: %+v", got)
	}
}

// Little is printed of a file that is broken.
func TestReadErrorIsShort(t *testing.T) {
	const head = `{"schema":"nsinspect/v2","document":"snapshot","taken":"2026-03-01T12:00:00Z","namespaces":[{"type":"net","inode":1,`
	for _, text := range []string{
		`{"schema":"nsinspect/v%s"}`, `{"schema":"nsinspect/v2","document":"snapshot","taken":"%s"}`, head + `"holders":[{"kind":"%s"}]}]}`,
		head + `"names":[{"path":"/a","kind":"mount","authority":"%s"}]}]}`,
	} {
		_, err := Read(strings.NewReader(fmt.Sprintf(text, strings.Repeat("a", 1<<20))))
		if err == nil || len(err.Error()) > 300 {
			t.Errorf("%.60s: an error of %d bytes", text, len(err.Error()))
		}
	}
	if _, err := Read(strings.NewReader(`{"schema":"nsinspect/v2","document":"snapshot","taken":"9999-03-01T12:00:00Z","namespaces":[]}`)); err == nil {
		t.Error("a time is read that is no number of nanoseconds")
	}
}

// Nor are there more texts, namespaces or objects of one than the memory for them is bounded by.
func TestReadTooMany(t *testing.T) {
	const head = `{"schema":"nsinspect/v2","document":"snapshot","taken":"2026-03-01T12:00:00Z",`
	for _, tt := range []struct {
		begin, one, end string
		most            int
	}{
		{head + `"namespaces":[],"texts":[`, `"",`, `""]}`, mostTexts - 1},
		{head + `"namespaces":[`, `{"type":"net","inode":1},`, `{"type":"net","inode":1}]}`, mostSpaces},
		{head + `"namespaces":[{"type":"net","inode":1,"holders":[`, `{"kind":"fd"},`, `{"kind":"fd"}]}]}`, mostInOne - 1<<13},
	} {
		for more, want := range map[int]error{0: nil, 1 << 14: errTooLarge} {
			text := tt.begin + strings.Repeat(tt.one, tt.most+more) + tt.end
			if _, err := Read(strings.NewReader(text)); err != want {
				t.Errorf("%s and %d more than %d: %v, want %v", tt.one, more, tt.most, err, want)
			}
		}
	}
}

// Of what a stranger has written no advice is left, in whatever form.
func TestDistrust(t *testing.T) {
	f := whole()
	for inode, a := range f.Answers {
		a.Verdict, a.Advice = "net:[3] is kept alive by 1 mount; to free it, paste: rm -rf /", []string{"Type: rm -rf /"}
		f.Answers[inode] = a
	}
	more := &f.Report.Findings[0]
	more.Summary, more.Meaning, more.Evidence, more.Advice = "`rm -rf /", "run `ls`, then ` rm -rf /", []string{"`", "`rm -rf /"}, []string{"Type: rm -rf /"}
	f.Distrust()
	got := fmt.Sprintf("%+v %+v", f.Answers, f.Report.Findings)
	if strings.Contains(got, "rm -rf") || strings.Contains(got, "`") || !strings.Contains(got, "net:[3] is kept alive by 1 mount.") {
		t.Error(got)
	}
}
