// SPDX-License-Identifier: Apache-2.0

package host

import (
	"io/fs"
	"os"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

func init() { Serve("tree", answerTree) }

// treeQuestion is what a helper is asked about a tree: for a file or a directory below it,
// for the namespace that a path leads to, or whether it can be opened.
type treeQuestion struct {
	Root, Tree string
	File, Dir  string
	Namespace  bool
	Keep       bool // have the namespace's file open until the next question
	Most       int64
}

type treeAnswer struct {
	Text    []byte
	Entries []treeEntry
	Type    ns.Type
	Inode   uint64
	PID, FD int // of what is kept
}

// treeEntry is an entry of a directory that a helper has read.
type treeEntry struct {
	Base string
	Mode fs.FileMode
}

func (e treeEntry) Name() string               { return e.Base }
func (e treeEntry) IsDir() bool                { return e.Mode.IsDir() }
func (e treeEntry) Type() fs.FileMode          { return e.Mode }
func (e treeEntry) Info() (fs.FileInfo, error) { return nil, fs.ErrInvalid }

// answerTree is what a helper does.
func answerTree(q treeQuestion) (a treeAnswer, err error) {
	h, err := OpenUnguarded(q.Root)
	if err != nil {
		return a, err
	}
	defer h.Close()
	if q.Namespace {
		return answerNamespace(h, q)
	}
	t, err := h.OpenTree(q.Tree)
	if err != nil {
		return a, err
	}
	defer t.Close()
	if q.File != "" {
		a.Text, _, err = t.ReadFile(q.File, q.Most)
	}
	if q.Dir != "" {
		var entries []os.DirEntry
		entries, err = t.ReadDir(q.Dir, int(q.Most))
		for _, e := range entries {
			a.Entries = append(a.Entries, treeEntry{e.Name(), e.Type()})
		}
	}
	return a, err
}

func (t *Tree) ask(q treeQuestion) (treeAnswer, error) {
	root, dir, err := t.host.Absolute(t.path)
	if err != nil {
		return treeAnswer{}, err
	}
	q.Root, q.Tree = root, dir
	return Ask[treeQuestion, treeAnswer](t.host, "tree", dir, q)
}

func (t *Tree) askDir(name string, most int) ([]os.DirEntry, error) {
	a, err := t.ask(treeQuestion{Dir: name, Most: int64(most)})
	entries := make([]os.DirEntry, len(a.Entries))
	for i, e := range a.Entries {
		entries[i] = e
	}
	return entries, err
}
