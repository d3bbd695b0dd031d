// SPDX-License-Identifier: Apache-2.0

// Package resolve finds the namespace that a user's reference points at: an inode, a
// name, a path, a process ID, a container, a pod or a unit.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/kernel"
	"github.com/nsinspect/nsinspect/internal/nsfs"
	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// Resolve finds the namespace that a reference points at, with everything that
// holds it, and the snapshot it was found in. opts.Types names the type that a
// PID, a name or self stands for; an inode or a name that is not found there is
// looked for in all types. known is what else a
// reference may stand for, nil for nothing. The error of a reference that points nowhere, or at
// two namespaces, has where was searched.
func Resolve(ctx context.Context, opts scan.Options, known Aliases, r Ref) (*ns.Snapshot, *ns.Namespace, error) {
	snap, found, err := All(ctx, opts, known, []Ref{r})
	if err != nil {
		return nil, nil, err
	}
	if err := found[0].Err; err != nil {
		return nil, nil, err
	}
	return snap, found[0].Namespace, nil
}

// Found is the namespace that a reference points at, or why there is none.
type Found struct {
	Namespace *ns.Namespace
	Err       error
}

// All is Resolve for several references in one snapshot, with a result for each. There is no
// snapshot if none of them can point anywhere.
func All(ctx context.Context, opts scan.Options, known Aliases, refs []Ref) (*ns.Snapshot, []Found, error) {
	return find(ctx, opts, known, refs, false)
}

// Among is All in a snapshot that has all namespaces of opts.Types, and not only those of
// the types that references lead to.
func Among(ctx context.Context, opts scan.Options, known Aliases, refs []Ref) (*ns.Snapshot, []Found, error) {
	return find(ctx, opts, known, refs, true)
}

func find(ctx context.Context, opts scan.Options, known Aliases, refs []Ref, among bool) (*ns.Snapshot, []Found, error) {
	if opts.Host == nil {
		h, err := host.Open("/")
		if err != nil {
			return nil, nil, err
		}
		defer h.Close()
		opts.Host = h
	}
	if len(opts.Types) == 0 {
		opts.Types = []ns.Type{ns.Net}
	}
	s := search{
		machine: opts.Host, known: known, types: opts.Types,
		take: func(types []ns.Type, cookies bool) (*ns.Snapshot, error) {
			opts.Types, opts.Details = types, opts.Details || cookies
			return scan.Scan(ctx, opts)
		},
		describe: func(n *ns.Namespace) error { return scan.Describe(ctx, opts.Host, n) },
	}
	return s.find(ctx, refs, among)
}

// locate identifies what a reference points at without a scan, where it can.
func (r Ref) locate(h machine, t ns.Type) (k record.Key, ok bool, err error) {
	switch r.kind {
	case refLink:
		return record.Key{Type: r.typ, Inode: r.inode}, true, nil
	case refPath, refPID, refSelf:
		return r.open(h, r.file(h, t))
	case refHost:
		inode := h.InitialNamespaces()[t]
		if inode == 0 {
			return record.Key{}, false, fmt.Errorf("the host's own %s namespace is unknown here: run as root", t)
		}
		return record.Key{Type: t, Inode: inode}, true, nil
	}
	return record.Key{}, false, nil
}

// file is the file that a path, a PID or self stands for.
func (r Ref) file(h machine, t ns.Type) string {
	switch r.kind {
	case refPID:
		return "/proc/" + r.pid.String() + "/ns/" + t.String()
	case refSelf:
		return "/proc/self/ns/" + t.String()
	}
	if _, full, err := h.Absolute(r.text); h.Live() && err == nil { // if not, the kernel will say
		return full
	}
	return r.text
}

func (r Ref) open(h machine, name string) (record.Key, bool, error) {
	if err := r.covered(h); err != nil {
		return record.Key{}, false, err
	}
	t, inode, err := h.LookupNamespace(name)
	if err != nil {
		return record.Key{}, false, r.explain(h, name, err)
	}
	return record.Key{Type: t, Inode: inode}, true, nil
}

// covered returns an error for a process whose files are not to be seen.
func (r Ref) covered(h machine) error {
	task := "self"
	if r.kind == refPID {
		task = r.pid.String()
	}
	if r.kind == refPath || !h.TaskCovered(task) {
		return nil
	}
	return fmt.Errorf("read the namespace of process %s: a mount covers its files in /proc", task)
}

// explain returns why there is no namespace at what a reference leads to.
func (r Ref) explain(h machine, name string, err error) error {
	if r.kind != refPath {
		return r.explainTask(h, err)
	}
	return fmt.Errorf("no namespace at %s: %w", quoted(name), explainPath(name, err))
}

func explainPath(name string, err error) error {
	if err != nsfs.ErrNotNamespace {
		return err
	}
	if path.Base(path.Dir(path.Clean(name))) == "netns" {
		return errors.New("a file, but no namespace is mounted on it here; it may be a mount point in another mount namespace, so do not remove it unseen")
	}
	return errors.New("a file, but not a namespace")
}

// explainTask returns why a process's namespace could not be read.
func (r Ref) explainTask(h machine, err error) error {
	pid := r.pid.String()
	if r.kind == refSelf {
		pid = "self"
	}
	_, statErr := h.ReadStat(pid)
	tasks, tasksErr := h.ReadDir("/proc/" + pid + "/task")
	switch {
	case host.IsGone(err) && statErr != nil:
		return fmt.Errorf("no process %s", pid)
	case host.IsGone(err) && tasksErr == nil && len(tasks) > 1:
		return fmt.Errorf("the first thread of process %s has ended and is in no namespace any more; others live on: use /proc/%s/task/TID/ns/net with one of %s",
			pid, pid, taskNames(tasks, pid))
	case host.IsGone(err) && h.LacksType("/proc/"+pid+"/ns", ns.Net):
		return kernel.NoTypeError{Type: ns.Net}
	case host.IsGone(err):
		return fmt.Errorf("process %s has ended and is in no namespace any more (a zombie)", pid)
	case errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM):
		return fmt.Errorf("read the namespace of process %s: %w", pid, &kernel.DeniedError{Capability: unix.CAP_SYS_PTRACE, Err: err})
	}
	return fmt.Errorf("read the namespace of process %s: %w", pid, err)
}

// taskNames lists the threads of a process but the first.
func taskNames(tasks []os.DirEntry, pid string) string {
	var names []string
	for _, t := range tasks {
		if t.Name() != pid {
			names = append(names, t.Name())
		}
	}
	return strings.Join(names, ", ")
}

// dangling returns an error for a name that is no namespace, nil if there is none.
func (r Ref) dangling(snap *ns.Snapshot) error {
	for _, s := range snap.Dangling {
		if path.Base(s.Path) == r.name && r.believes(s.Authority) {
			return fmt.Errorf("%s is not a namespace: it is %s", quoted(s.Path), s.Reason)
		}
	}
	return nil
}

// notFound returns an error with where was searched.
func (r Ref) notFound(snap *ns.Snapshot, aliases bool) error {
	var err error
	switch {
	case r.kind == refName:
		if err := r.dangling(snap); err != nil {
			return err
		}
		looked := "there is no names directory"
		if len(snap.NamesDirs) > 0 {
			looked = "looked in " + strings.Join(snap.NamesDirs, ", ")
		}
		if aliases {
			err = fmt.Errorf("no namespace or container named %s: %s, and at what container runtimes keep", quoted(r.text), looked)
			break
		}
		err = fmt.Errorf("no namespace named %s: %s", quoted(r.text), looked)
	case r.kind == refOwner:
		err = fmt.Errorf("nothing is known of %s: looked at what container runtimes keep on this machine", quoted(r.text))
	case r.kind == refInode && r.inode < ns.LowestInode:
		return fmt.Errorf("no namespace %s: it is too large for a PID and too small for a namespace inode", r.text)
	default:
		err = fmt.Errorf("no namespace %s: looked at %s", r.text, strings.Join(snap.LookedAt(), ", "))
		if unread := snap.Unread(); len(unread) > 0 {
			err = fmt.Errorf("%w; not at %s", err, strings.Join(unread, ", "))
		}
	}
	if r.kind == refCookie {
		err = noCookie(snap, err)
	}
	if n := len(snap.Gaps); n == 1 {
		err = fmt.Errorf("%w; %s could not be read and may have it", err, snap.Gaps[0].Path)
	} else if n > 1 {
		err = fmt.Errorf("%w; %d things could not be read and may have it", err, n)
	}
	return err
}

// noCookie adds to an error how many cookies are unknown.
func noCookie(s *ns.Snapshot, err error) error {
	unknown := 0
	for i := range s.Namespaces {
		if s.Namespaces[i].Cookie == 0 {
			unknown++
		}
	}
	switch unknown {
	case 0:
		return err
	case 1:
		return fmt.Errorf("%w; the cookie of %s is unknown", err, &s.Namespaces[slices.IndexFunc(s.Namespaces, func(n ns.Namespace) bool { return n.Cookie == 0 })])
	}
	return fmt.Errorf("%w; the cookies of %d namespaces are unknown", err, unknown)
}

// quoted makes a stranger's text safe to print in a message.
func quoted(s string) string {
	q := strconv.Quote(s)
	if inner := q[1 : len(q)-1]; inner == s && !strings.ContainsAny(s, " '") {
		return s
	}
	return q
}
