// SPDX-License-Identifier: Apache-2.0

// Package wire has the types of what the program prints as JSON and YAML, and makes
// them from the results of a scan, of doctor and of a trace. docs/schema has their
// JSON Schema, which is generated from them and their comments.
//
// What is unknown is absent: never 0, "" or false. A string of bytes that is not
// UTF-8 has a second field with these bytes in base64. A string of more than 64 KiB is
// cut and ends with "…"; its bytes in base64 are cut, too. Times are RFC 3339 with
// nanoseconds, durations in nanoseconds.
package wire

//go:generate go run ./gen ../../docs/schema/nsinspect-v1.schema.json

import (
	"runtime/debug"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// Schema is the version of the format. Fields are added to it, never renamed or
// given another meaning.
const Schema = "nsinspect/v1"

// MaxString is how many bytes of a string are printed, after which CutMark follows. The
// two are 64 KiB.
const (
	MaxString = 64<<10 - len(CutMark)
	CutMark   = "…"
)

// maxRaw is how many bytes of a string are printed in base64, which takes four characters
// for three of them.
const maxRaw = MaxString / 4 * 3

// Machine is where and by which version a document or a trace was made.
type Machine struct {
	Schema    string `json:"schema" jsonschema:"enum=nsinspect/v1,enum=nsinspect/v2"` // the version of this format; v2 of a snapshot
	Version   string `json:"version,omitempty"`                                       // of nsinspect
	Host      string `json:"host,omitempty"`                                          // the host name
	MachineID string `json:"machine_id,omitempty"`                                    // the content of /etc/machine-id
	BootID    string `json:"boot_id,omitempty"`                                       // which boot of the machine; cookies are unique within one
	Kernel    string `json:"kernel,omitempty"`                                        // the kernel release, as uname -r prints it
}

// NewMachine returns the machine with the version of this program.
func NewMachine(m ns.Machine, kernel string) Machine {
	w := Machine{Schema: Schema, Host: m.Host, MachineID: m.MachineID, BootID: m.BootID, Kernel: kernel}
	if info, ok := debug.ReadBuildInfo(); ok {
		w.Version = info.Main.Version
	}
	return w
}

// Head is what every document begins with.
type Head struct {
	Machine
	Taken    time.Time `json:"taken"`                                  // when the snapshot was begun
	Engine   string    `json:"engine" jsonschema:"enum=proc,enum=bpf"` // how the machine was read
	MountNS  uint64    `json:"mountns,omitempty"`                      // inode of the mount namespace in which the paths of names are
	Sources  []string  `json:"sources"`                                // the sources that were read; a holder that none of them finds is not listed
	Complete bool      `json:"complete"`                               // whether everything that these sources tried to read was read
	Gaps     []Gap     `json:"gaps"`                                   // what could not be read; empty if complete
}

// Gap is something that could not be read.
type Gap struct {
	Sources    []string `json:"sources"` // the sources that it may be missing from
	Path       string   `json:"path"`
	PathBase64 []byte   `json:"path_base64,omitempty"`
	Error      string   `json:"error"`          // why it could not be read
	Code       string   `json:"code,omitempty"` // the cause in a word: EACCES and the like, not-in-proc, needs-linux-6.8; absent if there is none
}

func newHead(s *ns.Snapshot, x *owner.Index) Head {
	gaps := append(slices.Clone(s.Gaps), x.Gaps()...)
	h := Head{
		Machine: NewMachine(s.Machine, s.Kernel), Taken: s.Taken, Engine: s.Engine, MountNS: s.MountNS,
		Sources: append([]string{}, s.Sources...), Complete: len(gaps) == 0, Gaps: []Gap{},
	}
	for _, g := range gaps {
		h.Gaps = append(h.Gaps, Gap{g.Sources, g.Path, raw(g.Path), g.Err.Error(), codeOf(g.Err)})
	}
	return h
}

// raw returns the bytes of a string that is not UTF-8, nil for one that is.
func raw(s string) []byte {
	if utf8.ValidString(s) {
		return nil
	}
	return []byte(s[:min(len(s), maxRaw)])
}

// raws returns the bytes of all strings if one of them is not UTF-8.
func raws(all []string) [][]byte {
	if !slices.ContainsFunc(all, func(s string) bool { return !utf8.ValidString(s) }) {
		return nil
	}
	var out [][]byte
	for _, s := range all {
		out = append(out, []byte(s[:min(len(s), maxRaw)]))
	}
	return out
}
