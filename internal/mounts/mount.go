// SPDX-License-Identifier: Apache-2.0

package mounts

import (
	"bytes"
	"errors"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/moby/sys/mountinfo"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// mount is what is kept of a line of mountinfo: there can be a hundred thousand, in each of many
// mount namespaces.
type mount struct {
	id, parent        int
	major, minor      int32
	nsfs              bool // it is one of a namespace
	root, path, peers string
}

func newMount(m *mountinfo.Info) *mount {
	return &mount{m.ID, m.Parent, int32(m.Major), int32(m.Minor), m.FSType == "nsfs", m.Root, m.Mountpoint, m.Optional}
}

func isNSFS(m *mount) bool { return m.nsfs }

// table is the mounts of a mount namespace, in the order of mountinfo.
type table struct {
	mounts []*mount
	room   []mount // for the next ones
	words  words   // of what goes with the table
	last   mount
}

// add adds a mount, none of whose texts is kept as it is. paths has those of namespaces, which
// are mounted at the same place in most mount namespaces, and outlive the table.
func (t *table) add(m *mount, paths *paths) {
	if len(t.room) == 0 {
		t.room = make([]mount, min(64, 8+len(t.mounts)))
	}
	kept := &t.room[0]
	t.room = t.room[1:]
	*kept = *m
	if kept.root = t.last.root; m.root != kept.root {
		kept.root = t.words.keep(m.root)
	}
	if kept.peers = t.last.peers; m.peers != kept.peers {
		kept.peers = t.words.keep(m.peers)
	}
	if m.nsfs {
		kept.path = paths.one(m.path)
	} else {
		kept.path = t.words.keep(m.path)
	}
	t.last = *kept
	t.mounts = append(t.mounts, kept)
}

// words are texts that are kept together, as what they are parts of goes.
type words struct{ text strings.Builder }

func (w *words) keep(s string) string {
	const block = 4 << 10
	if w.text.Cap()-w.text.Len() < len(s) {
		w.text = strings.Builder{}
		w.text.Grow(max(block, len(s)))
	}
	w.text.WriteString(s)
	return w.text.String()[w.text.Len()-len(s):]
}

// paths are those of the mounts of namespaces, each once.
type paths struct {
	mu    sync.Mutex
	words words
	all   map[string]string
}

func (p *paths) one(path string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	same, known := p.all[path]
	if !known {
		if p.all == nil {
			p.all = map[string]string{}
		}
		same = p.words.keep(path)
		p.all[same] = same
	}
	return same
}

// readTable reads a mountinfo file. Lines that cannot be parsed are named in broken; see Parse. A
// file without a namespace, and without what plain files of the names directories are called, has no
// mounts, unless whole asks for these. check may end the reading.
func (s *Scan) readTable(name string, whole bool, check func() error) (mounts []*mount, broken, err error) {
	var t table
	var wrong []error
	found := whole
	err = s.host.ReadLines(name, func(lines []byte, last bool) error {
		found = found || bytes.Contains(lines, []byte("nsfs")) || s.mentions(lines)
		if last && !found && len(t.mounts) == 0 {
			return nil // most have none
		}
		infos, bad := Parse(bytes.NewReader(lines))
		if bad != nil {
			wrong = append(wrong, bad)
		}
		for _, m := range infos {
			t.add(newMount(m), s.paths)
		}
		if last {
			return nil
		}
		return check()
	})
	if !found || err != nil {
		return nil, nil, err
	}
	return t.mounts, errors.Join(wrong...), nil
}

// mentions reports whether lines of mountinfo may have a mount on a plain file of a names directory.
func (s *Scan) mentions(lines []byte) bool {
	return slices.ContainsFunc(s.plain, func(name []byte) bool { return bytes.Contains(lines, name) })
}

// noteFiles notes how mountinfo ends the paths of plain files in names directories
// (fs/proc_namespace.c, show_mountinfo and mangle, 6.18).
func (s *Scan) noteFiles(dangling []ns.DanglingName) {
	escape := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, "#", `\043`)
	for i := range dangling {
		if d := &dangling[i]; d.Kind == ns.NameFile {
			s.plain = append(s.plain, []byte("/"+escape.Replace(path.Base(d.Path))+" "))
		}
	}
}
