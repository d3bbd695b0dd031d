// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/filter"
	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// completeFor is how long a shell waits for words at most.
const completeFor = 2 * time.Second

// words is what completes a word, as cobra has it.
type words = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// oneOf completes with fixed words.
func oneOf(all ...string) words {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

// listOf completes the last of several words with commas between them.
func listOf(all func() []string) words {
	return func(_ *cobra.Command, _ []string, typed string) (found []string, _ cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		there := strings.Split(before, ",")
		for _, w := range all() {
			if !slices.Contains(there, w) {
				found = append(found, before+w)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// completeUsers completes with the users of the machine.
func (a *app) completeUsers(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return a.withHost(func(h *host.Host) (all []string) {
		text, err := h.ReadFile("/etc/passwd")
		if err != nil {
			return nil
		}
		for line := range strings.Lines(text) {
			fields := strings.Split(line, ":")
			if len(fields) > 2 && offered(fields[0]) && offered(fields[2]) {
				all = append(all, fields[0]+"\tuid "+fields[2])
			}
		}
		return all
	})
}

// completeFlags gives flags of a command their words, by name.
func completeFlags(cmd *cobra.Command, by map[string]words) {
	for name, w := range by {
		if err := cmd.RegisterFlagCompletionFunc(name, w); err != nil {
			panic(err) // there is no such flag
		}
	}
}

// completeFilter completes the name of a field of list at the end of an expression.
func completeFilter(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return completeFieldsOf(render.ListFields)(cmd, args, typed)
}

// completeFieldsOf completes the name of one of some fields at the end of an expression.
func completeFieldsOf(fields func() []filter.Field) words {
	return func(_ *cobra.Command, _ []string, typed string) (all []string, _ cobra.ShellCompDirective) {
		before := typed[:strings.LastIndexAny(typed, " (")+1]
		for _, f := range fields() {
			all = append(all, before+f.Name)
		}
		return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// completeRefs completes a reference: by name, container, pod or unit; what begins with a
// digit or "pid:" by process, and that and what begins with a type also by inode. Only that
// is read which has words that begin so: processes lead to containers, pods, units and inodes.
func (a *app) completeRefs(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if strings.HasPrefix(typed, "/") || strings.HasPrefix(typed, ".") {
		return nil, cobra.ShellCompDirectiveDefault // a path
	}
	if digits, ok := strings.CutPrefix(typed, "pid:"); ok {
		return a.withHost(func(h *host.Host) []string { return processWords(h, "pid:", digits) })
	}
	word, _, inode := strings.Cut(typed, ":")
	t, err := ns.ParseType(word)
	if inode = inode && err == nil; !inode {
		t = ns.Net
	}
	number := digitAt(typed, 0)
	return a.withHost(func(h *host.Host) (all []string) {
		if number {
			all = processWords(h, "", typed)
		}
		byInode, owned := inode || number && ns.MayBeInode(typed), owner.MayBegin(typed)
		sources := []string{"name"}
		switch { // processes take by far the most time
		case byInode:
			sources = append(sources, "process", "mount")
		case owned:
			sources = append(sources, "process")
		}
		return append(all, a.scanned(cmd, h, t, sources, func(ctx context.Context, snap *ns.Snapshot) (found []string) {
			if byInode {
				found = inodeWords(snap, number)
			}
			if inode {
				return found
			}
			var owners *owner.Index
			if owned {
				owners = ownersOf(ctx, h, snap)
			}
			return append(found, refWords(snap, owners)...)
		})...)
	})
}

// withHost returns the words that a function finds on the machine.
func (a *app) withHost(find func(*host.Host) []string) ([]string, cobra.ShellCompDirective) {
	h, err := host.Open(a.root)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer h.Close()
	return find(h), cobra.ShellCompDirectiveNoFileComp
}

// scanned returns the words that a function finds in a scan of some sources.
func (a *app) scanned(cmd *cobra.Command, h *host.Host, t ns.Type, sources []string, find func(context.Context, *ns.Snapshot) []string) []string {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeFor)
	defer cancel()
	if h.Recorded() { // whose names are found among its mounts, and which is small
		sources = nil
	}
	snap, err := scan.Scan(ctx, scan.Options{Host: h, NamesDirs: a.netnsDirs, Types: []ns.Type{t}, Sources: sources, Sparse: sources != nil && !slices.Contains(sources, "mount")})
	if err != nil {
		return nil
	}
	return find(ctx, snap)
}

func ownersOf(ctx context.Context, h *host.Host, snap *ns.Snapshot) *owner.Index {
	return (&owner.Lazy{Host: h}).Index(ctx, snap)
}

// offered reports whether a word is offered to complete what is typed. A name of which a
// shell would execute a part, were it not quoted, is not: others than our own scripts
// evaluate words that are on the line already.
func offered(word string) bool {
	return word != "" && len(word) <= 128 && !strings.ContainsFunc(word, func(r rune) bool {
		foreign := r > 0x7f && !text.Hidden(r) && (unicode.IsLetter(r) || unicode.IsDigit(r))
		return !foreign && !strings.ContainsRune(plain+" ,[]()", r)
	})
}

// plain is what is the same in every shell, quoted or not.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@+=-"

// refWords returns the references of a snapshot, with what they stand for.
func refWords(snap *ns.Snapshot, owners *owner.Index) []string {
	all := []string{"host\tthe machine's own namespace", "self\tthe namespace of this command"}
	add := func(ref, what string) {
		if offered(ref) && ref[0] != '-' {
			all = append(all, ref+"\t"+what)
		}
	}
	for i := range snap.Namespaces {
		n := &snap.Namespaces[i]
		about := aboutWord(n)
		for k := range n.Names {
			add(n.Names[k].Label(), about)
		}
		if o := owners.Namespace(n); o != nil && o.Authority.Trusted && strings.Contains(o.Ref(), ":") {
			add(o.Ref(), about)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// aboutWord returns what a word for a namespace stands for.
func aboutWord(n *ns.Namespace) string {
	return render.Escape(strings.Join(append([]string{n.String()}, n.Tally()...), ", "))
}

// inodeWords returns the namespaces of a snapshot by inode, alone or with the type.
func inodeWords(snap *ns.Snapshot, alone bool) (all []string) {
	for i := range snap.Namespaces {
		n := &snap.Namespaces[i]
		word, about := ns.FormatLink(n.Type, n.Inode), n.Tally()
		if alone {
			word, about = strconv.FormatUint(n.Inode, 10), append([]string{n.String()}, about...)
		}
		all = append(all, word+"\t"+render.Escape(strings.Join(about, ", ")))
	}
	return all
}

// mostProcesses is how many process IDs a shell is given.
const mostProcesses = 200

// processWords returns the processes whose numbers begin with some digits.
func processWords(h *host.Host, before, digits string) (all []string) {
	pids, err := h.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range pids {
		pid := e.Name()
		if len(all) == mostProcesses {
			break
		}
		if pid[0] < '0' || pid[0] > '9' || !strings.HasPrefix(pid, digits) {
			continue
		}
		if stat, err := h.ReadStat(pid); err == nil { // if not, it has ended
			all = append(all, before+pid+"\t"+render.Escape(stat.Comm))
		}
	}
	return all
}

// completePIDs completes with process IDs.
func (a *app) completePIDs(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.withHost(func(h *host.Host) []string { return processWords(h, "", typed) })
}

// completeNames completes with names of namespaces, as --name compares them.
func (a *app) completeNames(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.withHost(func(h *host.Host) []string {
		return a.scanned(cmd, h, ns.Net, []string{"name"}, func(_ context.Context, snap *ns.Snapshot) (all []string) {
			for i := range snap.Namespaces {
				for k := range snap.Namespaces[i].Names {
					if name := snap.Namespaces[i].Names[k].Label(); offered(name) && name[0] != '-' {
						all = append(all, name+"\t"+aboutWord(&snap.Namespaces[i]))
					}
				}
			}
			slices.Sort(all)
			return slices.Compact(all)
		})
	})
}

// completeOwners completes with owners, and with the kinds that there are.
func (a *app) completeOwners(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.withHost(func(h *host.Host) []string {
		return a.scanned(cmd, h, ns.Net, []string{"process", "name"}, func(ctx context.Context, snap *ns.Snapshot) (all []string) {
			index := ownersOf(ctx, h, snap)
			for i := range snap.Namespaces {
				if o := index.Namespace(&snap.Namespaces[i]); o != nil && o.Authority.Trusted && offered(o.Ref()) {
					all = append(all, o.Ref()+"\t"+aboutWord(&snap.Namespaces[i]))
				}
			}
			slices.Sort(all)
			return slices.Compact(all)
		})
	})
}
