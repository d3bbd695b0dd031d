// SPDX-License-Identifier: Apache-2.0

package render

import (
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// reason returns a phrase for a reason that needs no more.
func reason(kind trace.ReasonKind) string {
	switch kind {
	case trace.ReasonChroot:
		return "its root directory is changed"
	case trace.ReasonThreads:
		return "its process has other threads"
	case trace.ReasonSharedFS:
		return "another thread shares its root directory"
	case trace.ReasonSame:
		return "it is in that user namespace"
	case trace.ReasonDepth:
		return "it is nested too deep"
	}
	return ""
}

// appendReason adds why a call failed, if that is known: "(no CAP_SYS_ADMIN in user host)".
func (e *Events) appendReason(out []byte, ev *trace.Event) []byte {
	r := &ev.Reason
	switch r.Kind {
	case trace.ReasonUnknown:
		return out
	case trace.ReasonCapability:
		out = append(append(out, "(no "...), r.Capability...)
	case trace.ReasonLimit:
		out = append(append(out, "(/proc/sys/user/"...), r.Limit...)
		out = append(out, " is reached"...)
	default:
		out = append(append(out, '('), reason(r.Kind)...)
	}
	if r.UserNS.Inode != 0 {
		out = e.appendPlace(append(out, " in user "...), ns.User, r.UserNS)
	}
	return append(out, ')')
}

// appendReasonJSON adds it as wire.Reason.
func (e *Events) appendReasonJSON(out []byte, ev *trace.Event) []byte {
	r := &ev.Reason
	if r.Kind == trace.ReasonUnknown {
		return out
	}
	out = append(append(out, `,"reason":{"kind":"`...), r.Kind...)
	out = append(out, '"')
	if r.Capability != "" {
		out = append(append(out, `,"capability":"`...), r.Capability...)
		out = append(out, '"')
	}
	if r.Limit != "" {
		out = append(append(out, `,"limit":"`...), r.Limit...)
		out = append(out, '"')
	}
	if r.UserNS.Inode != 0 {
		out = append(out, `,"userns":`...)
		out = e.appendRef(out, ns.User, r.UserNS)
	}
	return append(out, '}')
}
