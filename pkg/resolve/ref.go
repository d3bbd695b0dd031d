// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// Ref is what a user types to point at a namespace.
type Ref struct {
	text   string
	kind   refKind
	typ    ns.Type // of refLink
	inode  uint64
	cookie uint64
	pid    ns.TaskID
	bare   bool // a number without a prefix, which may be a name as well

	name string // what a name or an owner is called: the text without "user:UID/"
	uid  int    // of "user:UID/NAME": whose word that is; 0 for a trusted one
}

type refKind uint8

const (
	refName  refKind = iota // a name in a names directory
	refPath                 // a file
	refInode                // a bare inode
	refLink                 // net:[4026532177]
	refCookie
	refPID
	refSelf
	refHost
	refOwner // "pod:default/web-1", "unit:nginx.service": known to Options.Aliases alone
)

// maxPID is the largest PID there can be (include/linux/threads.h,
// PID_MAX_LIMIT, 6.18). Namespace inodes are far larger.
const maxPID = 4194304

// RefForms lists the forms of a reference, for messages.
const RefForms = "an inode, net:[INODE], a name, a path, a PID, pid:N, cookie:N, a container's name or ID, pod:NAMESPACE/NAME, unit:NAME, user:UID/NAME, self or host"

var (
	linkLike = text.Pattern{Text: `^[a-z_]+:\[`}
	bareLink = text.Pattern{Text: `^[a-z_]+:[0-9]+$`}
)

// ParseRef reads a reference. It fails if the text cannot be one, not if there
// is nothing by that reference.
func ParseRef(text string) (Ref, error) {
	r := Ref{text: text, name: text}
	malformed := func(what string) (Ref, error) {
		return Ref{}, fmt.Errorf("malformed reference %q: %s", text, what)
	}
	switch {
	case text == "":
		return malformed("use " + RefForms)
	case strings.ContainsRune(text, 0):
		return malformed("it has a NUL byte")
	case text == "self":
		r.kind = refSelf
	case text == "host":
		r.kind = refHost
	case strings.HasPrefix(text, "pid:") && !linkLike.Compiled().MatchString(text):
		n, err := strconv.ParseUint(text[len("pid:"):], 10, 64)
		if err == nil && n >= ns.LowestInode {
			return malformed(fmt.Sprintf("did you mean pid:[%d]?", n))
		}
		if err != nil || n == 0 || n > maxPID {
			return malformed(fmt.Sprintf("pid: takes a number from 1 to %d", maxPID))
		}
		r.kind, r.pid = refPID, ns.TaskID(n)
	case strings.HasPrefix(text, "cookie:"):
		n, err := strconv.ParseUint(text[len("cookie:"):], 10, 64)
		if err != nil || n == 0 {
			return malformed("cookie: takes a number from 1 up, as list -o wide shows it")
		}
		r.kind, r.cookie = refCookie, n
	case linkLike.Compiled().MatchString(text):
		t, inode, ok := ns.ParseLink(text)
		if !ok {
			return malformed("expected TYPE:[INODE], such as net:[4026531833]")
		}
		r.kind, r.typ, r.inode = refLink, t, inode
	case bareLink.Compiled().MatchString(text):
		t, n, _ := strings.Cut(text, ":")
		return malformed(fmt.Sprintf("did you mean %s:[%s]?", t, n))
	case strings.HasPrefix(text, "user:") && !bareLink.Compiled().MatchString(text):
		uid, name, ok := ns.CutQualified(text)
		if !ok {
			return malformed("expected user:UID/NAME, such as user:1000/web")
		}
		if strings.HasPrefix(name, "unit:") {
			return malformed("a unit of a user's is unit:UID/NAME, such as unit:1000/web.service")
		}
		r.name, r.uid = name, uid
	case strings.HasPrefix(text, "pod:"):
		namespace, name, ok := strings.Cut(text[len("pod:"):], "/")
		if !ok || namespace == "" || name == "" {
			return malformed("pod: takes NAMESPACE/NAME, such as pod:default/web-1")
		}
		r.kind = refOwner
	case strings.HasPrefix(text, "unit:"):
		uid, name, users := strings.Cut(text[len("unit:"):], "/")
		if text == "unit:" || users && (name == "" || uid == "" || !isNumber(uid) || strings.Contains(name, "/")) {
			return malformed("unit: takes a name, such as unit:nginx.service, or unit:1000/web.service for one of a user's")
		}
		if users {
			var err error
			if r.uid, err = strconv.Atoi(uid); err != nil {
				return malformed("no user ID is that large")
			}
		}
		r.kind = refOwner
	case strings.Contains(text, "/"):
		r.kind = refPath
	case isNumber(text):
		n, err := strconv.ParseUint(text, 10, 64)
		switch {
		case err != nil:
			return malformed("no inode is that large")
		case n == 0:
			return malformed("neither a PID nor an inode is 0")
		case n <= maxPID:
			r.kind, r.pid, r.bare = refPID, ns.TaskID(n), true
		default:
			r.kind, r.inode, r.bare = refInode, n, true
		}
	case len(text) > 255:
		return malformed("no name is longer than 255 bytes")
	}
	return r, nil
}

// String returns the reference as it was typed.
func (r Ref) String() string { return r.text }

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }
