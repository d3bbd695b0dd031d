// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
)

// appendSyscall adds the call as strace would, with the time that it took as strace -T
// does in the wide format.
func (e *Events) appendSyscall(out []byte, ev *trace.Event) []byte {
	if ev.Call == trace.Move {
		return append(out, "moved"...)
	}
	out = append(out, ev.Call.String()...)
	if !ev.HasCall() {
		return appendChild(append(out, "(?)"...), ev)
	}
	out = append(out, '(')
	if ev.Call == trace.Setns {
		out = strconv.AppendInt(out, int64(ev.FD), 10)
		out = appendFile(out, &ev.Via)
		out = append(out, ", "...)
	}
	out = append(out, e.flagText(ev.Flags)...)
	out = append(out, ") = "...)
	out = appendResult(out, ev)
	if ev.ABI != "" && !isNativeABI(ev.ABI) {
		out = append(out, " ["...)
		out = append(out, ev.ABI...)
		out = append(out, ']')
	}
	if e.wide && ev.Duration > 0 {
		out = append(out, " <"...)
		out = append(out, ev.Duration.String()...)
		out = append(out, '>')
	}
	return out
}

// appendResult adds what a call returned. A child has the number that its parent was
// given, and ours where that is another one.
func appendResult(out []byte, ev *trace.Event) []byte {
	if unanswered(ev) {
		out = append(out, '?')
	} else {
		out = strconv.AppendInt(out, ev.Ret, 10)
	}
	if ev.Errno != 0 {
		out = append(out, ' ')
		out = append(out, errnoName(ev)...)
	}
	out = append(out, restarted(ev.Interrupted())...)
	if ev.Refused {
		out = append(out, " (seccomp)"...)
	}
	if ev.Answered {
		out = append(out, " (answered by seccomp)"...)
	}
	return appendChild(out, ev)
}

// appendChild adds the number of a child where the call did not return it.
func appendChild(out []byte, ev *trace.Event) []byte {
	if ev.Call == trace.Clone && ev.Succeeded() && ev.Child != 0 && (!ev.HasCall() || int64(ev.Child) != ev.Ret) {
		out = append(out, " (child "...)
		out = strconv.AppendInt(out, int64(ev.Child), 10)
		out = append(out, ')')
	}
	return out
}

// unanswered reports whether a call returned nothing to its program: a seccomp filter ended
// it with a signal, or a signal interrupted it.
func unanswered(ev *trace.Event) bool {
	return ev.Refused && ev.Errno == 0 || ev.Interrupted() != ""
}

// restarted returns what strace(1) adds to the name of what interrupted a call.
func restarted(name string) string {
	switch name {
	case "ERESTARTSYS":
		return " (To be restarted if SA_RESTART is set)"
	case "ERESTARTNOINTR":
		return " (To be restarted)"
	case "ERESTARTNOHAND":
		return " (To be restarted if no handler)"
	case "ERESTART_RESTARTBLOCK":
		return " (Interrupted by signal)"
	}
	return ""
}

// errnoName returns "EPERM", or a number for what has no name: a seccomp filter
// may return any.
func errnoName(ev *trace.Event) string {
	return cmp.Or(ev.Interrupted(), unix.ErrnoName(ev.Errno), "errno "+strconv.Itoa(int(ev.Errno)))
}

// isNativeABI reports whether an ABI needs no mention.
func isNativeABI(abi string) bool {
	return abi == "x86_64" && runtime.GOARCH == "amd64" || abi == "arm64" && runtime.GOARCH == "arm64"
}

// appendFile adds what a descriptor is, in angle brackets as strace -y does.
func appendFile(out []byte, v *trace.Via) []byte {
	switch {
	case v.Kind == trace.ViaPidfd:
		out = append(out, "<pid:"...)
		out = appendID(out, v.PID)
	case v.Path != "":
		path := v.Path
		if _, _, ok := ns.ParseLink(path); !ok || v.Kind != trace.ViaNSFS { // the kernel's own text
			path = text.Name(path)
		}
		out = append(append(out, '<'), path...)
	case v.Kind == trace.ViaOther:
		out = append(out, "<no namespace"...)
	default:
		return out
	}
	return append(out, '>')
}
