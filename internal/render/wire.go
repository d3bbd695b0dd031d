// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Schema is the version of the wire format. Fields are added to it, never
// renamed or given another meaning. What is unknown is absent.
const Schema = "nsinspect/v1"

type wireHead struct {
	Schema   string    `json:"schema"`
	Taken    time.Time `json:"taken"`
	Kernel   string    `json:"kernel,omitempty"`
	Engine   string    `json:"engine"`
	MountNS  uint64    `json:"mountns,omitempty"` // whose paths names are
	Sources  []string  `json:"sources"`
	Complete bool      `json:"complete"`
	Gaps     []wireGap `json:"gaps"`
}

type wireGap struct {
	Source string `json:"source"`
	Path   string `json:"path"`
	Error  string `json:"error"`
}

type wireList struct {
	wireHead
	Namespaces []wireNamespace `json:"namespaces"`
}

type wireUses struct {
	wireHead
	Matched   *wireMatch    `json:"matched,omitempty"`
	Namespace wireNamespace `json:"namespace"`
	Verdict   string        `json:"verdict"`
	Holders   []wireHolder  `json:"holders"`
}

type wireNamespace struct {
	Type      string         `json:"type"`
	Inode     uint64         `json:"inode"`
	Cookie    uint64         `json:"cookie,omitempty"`
	Initial   *bool          `json:"initial,omitempty"`
	UserNS    uint64         `json:"userns,omitempty"`
	OwnerUID  *int           `json:"owner_uid,omitempty"`
	NSID      *int           `json:"nsid,omitempty"`
	Age       *wireAge       `json:"age,omitempty"`
	Names     []wireName     `json:"names"`
	Owner     *wireOwner     `json:"owner,omitempty"`
	Processes int            `json:"processes"`
	Threads   int            `json:"threads"`
	Holders   map[string]int `json:"holders"`
	Leader    *wireProcess   `json:"leader,omitempty"`
	Links     []wireLink     `json:"links,omitempty"`
}

type wireAge struct {
	Since time.Time `json:"since"`
	From  string    `json:"from"`
}

// JSON has no words for a path that is not UTF-8: path_base64 then has its bytes.
type wireName struct {
	Name       string `json:"name"`
	Path       string `json:"path"`
	PathBase64 []byte `json:"path_base64,omitempty"`
	Kind       string `json:"kind"`
}

// wireOwner has its fields in the order of owner.Owner.
type wireOwner struct {
	Runtime string `json:"runtime"`
	ID      string `json:"id"`
	Name    string `json:"name"`
	Pod     string `json:"pod"`
	Unit    string `json:"unit"`
	Service string `json:"service,omitempty"`
}

type wireProcess struct {
	PID     int        `json:"pid"`
	Comm    string     `json:"comm"`
	Cmdline []string   `json:"cmdline"`
	UID     *int       `json:"uid,omitempty"`
	Started *time.Time `json:"started,omitempty"`
}

type wireHolder struct {
	Kind    string     `json:"kind"`
	PID     int        `json:"pid,omitempty"`
	TID     int        `json:"tid,omitempty"`
	FD      *int       `json:"fd,omitempty"`
	Comm    string     `json:"comm,omitempty"`
	Cmdline []string   `json:"cmdline,omitempty"`
	UID     *int       `json:"uid,omitempty"`
	Started *time.Time `json:"started,omitempty"`
	Owner   *wireOwner `json:"owner,omitempty"`
	Via     string     `json:"via,omitempty"`
	Family  string     `json:"family,omitempty"`
	Type    string     `json:"type,omitempty"`
	Device  string     `json:"device,omitempty"`
	Refs    int        `json:"refs,omitempty"`
	Path    string     `json:"path,omitempty"`
	MountNS uint64     `json:"mountns,omitempty"`
	MountID int        `json:"mount_id,omitempty"`
	Covered bool       `json:"covered,omitempty"`

	Pin *wireHolder `json:"pin,omitempty"` // what keeps a mount namespace that no process is in
}

func headOf(s *ns.Snapshot, x *owner.Index) wireHead {
	gaps := append(slices.Clone(s.Gaps), x.Gaps()...)
	h := wireHead{
		Schema: Schema, Taken: s.Taken, Kernel: s.Kernel, Engine: s.Engine, MountNS: s.MountNS,
		Sources: append([]string{}, s.Sources...), Complete: len(gaps) == 0, Gaps: []wireGap{},
	}
	for _, g := range gaps {
		h.Gaps = append(h.Gaps, wireGap{g.Source, g.Path, g.Err.Error()})
	}
	return h
}

func namespaceOf(s *ns.Snapshot, n *ns.Namespace, x *owner.Index) wireNamespace {
	w := wireNamespace{
		Owner: ownerOf(x.Namespace(n)),
		Type:  n.Type.String(), Inode: n.Inode, Cookie: n.Cookie, UserNS: n.UserNS, NSID: n.NSID, Names: []wireName{},
		Processes: n.Processes(), Threads: n.Threads, Holders: map[string]int{},
	}
	if s.Initial[n.Type] != 0 {
		w.Initial = &n.Initial
	}
	if n.OwnerUID >= 0 {
		w.OwnerUID = &n.OwnerUID
	}
	if !n.Age.Since.IsZero() {
		w.Age = &wireAge{n.Age.Since, string(n.Age.From)}
	}
	for _, name := range n.Names {
		w.Names = append(w.Names, wireName{name.Name, name.Path, rawOf(name.Path), string(name.Kind)})
	}
	for i, c := range n.Counts() {
		if k := ns.Kind(i); s.LookedFor(k) {
			w.Holders[k.String()] = c
		}
	}
	w.Links = linksOf(n.Links)
	if p := n.Leader; p != nil {
		w.Leader = &wireProcess{PID: int(p.PID), Comm: p.Comm, Cmdline: cmdlineOf(p)}
		w.Leader.UID, w.Leader.Started = extrasOf(p)
	}
	return w
}

func cmdlineOf(p *ns.Process) []string {
	if p.Cmdline == nil {
		return []string{}
	}
	return p.Cmdline
}

// extrasOf is what is unknown where it was not asked for.
func extrasOf(p *ns.Process) (uid *int, started *time.Time) {
	if p.UID >= 0 {
		uid = &p.UID
	}
	if !p.Started.IsZero() {
		started = &p.Started
	}
	return uid, started
}

func ownerOf(o *owner.Owner) *wireOwner {
	if o == nil {
		return nil
	}
	w := wireOwner(*o)
	return &w
}

func holderOf(n *ns.Namespace, h *ns.Holder, x *owner.Index) wireHolder {
	w := wireHolder{
		Owner: ownerOf(x.Holder(n, h)),
		Kind:  h.Kind.String(), PID: int(h.PID), TID: int(h.TID), Via: h.Via,
		Family: h.Family, Type: h.Type, Device: h.Device, Refs: h.Refs,
		Path: h.Path, MountNS: h.MountNS, MountID: h.MountID, Covered: h.Covered,
	}
	if h.Kind.HasFD() && h.FD >= 0 {
		w.FD = &h.FD
	}
	if h.Pin != nil {
		pin := holderOf(n, h.Pin, x)
		w.Pin = &pin
	}
	if p := h.Process; p != nil {
		w.Comm, w.Cmdline = p.Comm, p.Cmdline
		w.UID, w.Started = extrasOf(p)
	}
	return w
}

func listOf(s *ns.Snapshot, x *owner.Index) wireList {
	l := wireList{Namespaces: []wireNamespace{}}
	for i := range s.Namespaces {
		l.Namespaces = append(l.Namespaces, namespaceOf(s, &s.Namespaces[i], x))
	}
	l.wireHead = headOf(s, x) // last: looking for owners may have met gaps
	return l
}

func usesOf(s *ns.Snapshot, n *ns.Namespace, x *owner.Index) wireUses {
	u := wireUses{Namespace: namespaceOf(s, n, x), Verdict: explain.Verdict(n, s), Holders: []wireHolder{}}
	for i := range n.Holders {
		u.Holders = append(u.Holders, holderOf(n, &n.Holders[i], x))
	}
	u.wireHead = headOf(s, x)
	return u
}

// encode writes v as JSON or YAML. One JSON object is one line where oneLine
// asks for it, and indented otherwise.
func encode(w io.Writer, f Format, oneLine bool, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // for people's eyes, not for web pages
	if !oneLine {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	out := escapeControls(buf.Bytes())
	if f == YAML {
		var err error
		if out, err = yaml.JSONToYAML(out); err != nil {
			return fmt.Errorf("encode YAML: %w", err)
		}
	}
	_, err := w.Write(out)
	return err
}

// rawOf returns the bytes of what is not UTF-8, nil for what is.
func rawOf(s string) []byte {
	if utf8.ValidString(s) {
		return nil
	}
	return []byte(s)
}

// escapeControls writes the control characters that JSON may hold as they are,
// and YAML and terminals may not, as \u escapes. They occur in strings only.
func escapeControls(json []byte) []byte {
	var out []byte
	for i, r := range string(json) {
		if size := utf8.RuneLen(r); r != '\n' && r <= 0xffff && !unicode.IsPrint(r) {
			if out == nil {
				out = append(out, json[:i]...)
			}
			out = fmt.Appendf(out, `\u%04x`, r)
		} else if out != nil {
			out = append(out, json[i:i+size]...)
		}
	}
	if out == nil {
		return json
	}
	return out
}

// names joins the names a namespace goes by, the host's own mark first.
func names(n *ns.Namespace, full bool) []string {
	var all []string
	if n.Initial {
		all = append(all, "(host)")
	}
	for _, name := range n.Names {
		if full {
			all = append(all, name.Path)
		} else if base := path.Base(name.Path); len(all) == 0 || all[len(all)-1] != base {
			all = append(all, base)
		}
	}
	return all
}
