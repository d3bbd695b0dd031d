// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/trace"
	"github.com/nsinspect/nsinspect/pkg/trace/lifecycle"
)

// Namer has the names of namespaces.
type Namer interface {
	// Names returns the names of a namespace, nil if it has none.
	Names(t ns.Type, ns trace.NS) []string
	// Initial reports whether it is the host's own.
	Initial(t ns.Type, ns trace.NS) bool
}

// TraceStart is the first record of a trace.
type TraceStart struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event" jsonschema:"enum=start"`
	Machine
	Select      []string `json:"select"`            // what is traced: syscalls, lifecycle
	Tier        int      `json:"tier"`              // the way of tracing in use
	How         string   `json:"how"`               // what that does, for people
	Limitations []string `json:"limitations"`       // what it does not see, for people
	Refusals    []string `json:"refusals"`          // why the tiers before it are not used, for people
	Command     []string `json:"command,omitempty"` // the command that is traced, if only one is

	CommandBase64 [][]byte `json:"command_base64,omitempty"`

	// LifecycleTypes are, for lifecycle, the types of namespaces.
	LifecycleTypes []string `json:"lifecycle_types,omitempty"`

	// MissesShorter is for lifecycle: a namespace that exists for a shorter time can be
	// missed. With 0 none is whose creating call was not lost.
	MissesShorter *int64 `json:"misses_shorter_ns,omitempty"`
}

// SetCommand sets the command that is traced.
func (s *TraceStart) SetCommand(args []string) { s.Command, s.CommandBase64 = args, raws(args) }

// Call is a call that moved, or was to move, a thread to other namespaces. Package
// render writes it without reflection, for speed.
type Call struct {
	Time        time.Time `json:"time"`
	Event       string    `json:"event" jsonschema:"enum=setns,enum=unshare,enum=clone,enum=move"` // clone stands for clone3, fork and vfork too; move is a change of which the call is unknown
	PID         int       `json:"pid,omitempty"`                                                   // absent if this PID namespace does not show it
	TID         int       `json:"tid,omitempty"`
	PPID        int       `json:"ppid,omitempty"`
	Comm        *string   `json:"comm,omitempty"` // absent if it is unknown
	CommBase64  []byte    `json:"comm_base64,omitempty"`
	UID         *int      `json:"uid,omitempty"`         // the effective user, in the initial user namespace
	Flags       *[]string `json:"flags,omitempty"`       // as passed; of setns its type
	FD          *int      `json:"fd,omitempty"`          // of setns
	Via         *Via      `json:"via,omitempty"`         // of setns: the file that was passed; absent if it is not open
	Ret         *int64    `json:"ret,omitempty"`         // absent if the call never returned: a seccomp filter ended it by a signal, or a signal interrupted it
	Errno       string    `json:"errno,omitempty"`       // as EPERM
	Interrupted string    `json:"interrupted,omitempty"` // as ERESTARTNOINTR: a signal came before it was done, and the kernel makes the call again or the program gets EINTR; ret and errno are absent
	Refused     bool      `json:"refused,omitempty"`     // true if it was refused before the kernel looked at it, as a rule by a seccomp filter
	Reason      *Reason   `json:"reason,omitempty"`      // why it failed, where the kernel's state showed that when the call returned
	Answered    bool      `json:"answered,omitempty"`    // true if a seccomp filter or its supervisor let it return without an error: the kernel did not make the call, and nothing moved
	Child       int       `json:"child,omitempty"`       // of clone: the new task
	Duration    *int64    `json:"duration_ns,omitempty"` // of clone until the child exists; absent if it is unknown

	// From and To are the namespaces before and after, by type: net always, others if
	// the call was about them. Of clone: the caller's and the child's. pid and time
	// are those of the next children.
	From    map[string]Ref `json:"from,omitempty"`
	To      map[string]Ref `json:"to,omitempty"`
	Target  *Ref           `json:"target,omitempty"`  // of setns with a namespace file, also of one that failed
	Targets map[string]Ref `json:"targets,omitempty"` // of setns with a pidfd: the namespaces of that process, by type
	ABI     string         `json:"abi,omitempty"`     // x86_64, i386, x32, arm64 or arm
	Partial bool           `json:"partial,omitempty"` // true if only the end of the call was seen: time is the end's
}

// Reason is why the kernel refused a call: a capability that the caller lacks, its changed root
// directory, other threads of its process, a root directory shared with another thread, that
// it is in that user namespace already, a limit that is reached, or that it is nested too deep.
type Reason struct {
	Kind       string `json:"kind" jsonschema:"enum=capability,enum=chroot,enum=threads,enum=shared-fs,enum=same,enum=limit,enum=depth"`
	Capability string `json:"capability,omitempty"` // as CAP_SYS_ADMIN
	Limit      string `json:"limit,omitempty"`      // the file in /proc/sys/user, as max_net_namespaces
	Userns     *Ref   `json:"userns,omitempty"`     // the user namespace in which the capability is missing or the limit reached
}

// TraceCall is the record of a call.
type TraceCall struct {
	Call
	Owner  *Owner  `json:"owner,omitempty"`
	Folded *Return `json:"folded,omitempty"` // with --fold: the call that took the thread back
}

// Return is the call that took a thread back to where it came from.
type Return struct {
	Call
	Away int64 `json:"away_ns"` // how long the thread was away
}

// Via is the file that a setns was given.
type Via struct {
	Kind string `json:"kind" jsonschema:"enum=nsfs,enum=pidfd,enum=other"`
	// Path is where the namespace file is mounted, in the mount namespace in which it
	// was opened. It begins with "…/" if it was too long; it is net:[INODE] for a file
	// of /proc/PID/ns. Of another file it is its own path; a pipe has none.
	Path       string `json:"path,omitempty"`
	PathBase64 []byte `json:"path_base64,omitempty"`
	PID        int    `json:"pid,omitempty"` // of a pidfd; absent if the process has ended
}

// TraceLifecycle is the record of a namespace that was created, named, unnamed or freed.
type TraceLifecycle struct {
	Time      time.Time `json:"time"`
	Event     string    `json:"event" jsonschema:"enum=created,enum=named,enum=unnamed,enum=freed"`
	Namespace *Ref      `json:"namespace"`
	Names     []string  `json:"names,omitempty"`       // of named and unnamed those gained or lost; else all that it has or had
	Within    int64     `json:"within_ns,omitempty"`   // it happened at most so long before time; absent if a call shows when
	By        *Creator  `json:"by,omitempty"`          // of created
	Lifetime  int64     `json:"lifetime_ns,omitempty"` // of freed: at most so long, and at least within_ns less
}

// Creator is the call that created a namespace.
type Creator struct {
	Event      string `json:"event"`
	PID        int    `json:"pid,omitempty"`
	TID        int    `json:"tid,omitempty"`
	Comm       string `json:"comm"`
	CommBase64 []byte `json:"comm_base64,omitempty"`
}

// NewTraceLifecycle returns the record of a lifecycle event.
func NewTraceLifecycle(l *lifecycle.Event) TraceLifecycle {
	w := TraceLifecycle{
		Time: l.Time, Event: string(l.Kind), Names: l.Names, Within: int64(l.Within), Lifetime: int64(l.Lived),
		Namespace: &Ref{Type: l.Type.String(), Inode: l.NS.Inode, Cookie: l.Cookie()},
	}
	if len(l.Names) > 0 && l.Kind != lifecycle.Unnamed {
		w.Namespace.Name, w.Namespace.NameBase64 = l.Names[0], raw(l.Names[0])
	}
	if by := l.By; by != nil {
		w.By = &Creator{by.Call.String(), by.PID, by.TID, by.Comm, raw(by.Comm)}
	}
	return w
}

// TraceLost is the record of calls of one kind that were lost.
type TraceLost struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event" jsonschema:"enum=lost"`
	Kind  string    `json:"kind" jsonschema:"enum=setns,enum=unshare,enum=clone,enum=move,enum=lifecycle,enum=unknown"`
	Count *uint64   `json:"count,omitempty"` // since the last record of the kind; absent where the tier cannot count
	Total *uint64   `json:"total,omitempty"`
}

// TraceEnd is the last record of a trace.
type TraceEnd struct {
	Time         time.Time      `json:"time"`
	Event        string         `json:"event" jsonschema:"enum=end"`
	Events       map[string]int `json:"events"`                // how many of each were recorded
	FailedEvents map[string]int `json:"failed_events"`         // how many of those had failed
	Checked      *int           `json:"checked,omitempty"`     // how many threads were looked at in the end
	AfterCount   *int           `json:"after_count,omitempty"` // calls recorded after the last event that --count asks for; absent if it was not reached

	Filtered  *int `json:"filtered,omitempty"`  // calls recorded and left out by --owner, --cgroup, --exclude or --filter; absent without these
	Undecided *int `json:"undecided,omitempty"` // those of filtered whose owner or cgroup was not known: their process had ended

	Disagreements []TraceThread `json:"disagreements"` // threads that are elsewhere than their events show
	SplitThreads  []TraceThread `json:"split_threads"` // threads that moved and ended in another network namespace than their process
}

// TraceThread is a thread in another network namespace than expected.
type TraceThread struct {
	PID        int    `json:"pid"`
	TID        int    `json:"tid"`
	Comm       string `json:"comm"`
	CommBase64 []byte `json:"comm_base64,omitempty"`
	Tracked    *Ref   `json:"tracked,omitempty"` // where it should be: by its events; of a split thread, where its process is
	Found      *Ref   `json:"found,omitempty"`   // where it is
}

// NewTraceThreads returns threads that were found elsewhere than expected.
func NewTraceThreads(names Namer, all []trace.Disagreement) []TraceThread {
	threads := []TraceThread{}
	for _, d := range all {
		threads = append(threads, TraceThread{d.PID, d.TID, d.Comm, raw(d.Comm), NewRef(names, ns.Net, d.Tracked), NewRef(names, ns.Net, d.Found)})
	}
	return threads
}

// NewRef refers to a namespace of a trace; nil if it is unknown.
func NewRef(names Namer, t ns.Type, n trace.NS) *Ref {
	if n.Inode == 0 {
		return nil
	}
	w := &Ref{Type: t.String(), Inode: n.Inode, Cookie: n.Cookie, Initial: names.Initial(t, n)}
	if all := names.Names(t, n); len(all) > 0 {
		w.Name, w.NameBase64 = all[0], raw(all[0])
	}
	return w
}
