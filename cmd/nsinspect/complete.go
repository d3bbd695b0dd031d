// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/pkg/links"
	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// completeFor is how long a shell waits for words at most.
const completeFor = time.Second

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

// completeFlags gives flags of a command their words, by name.
func completeFlags(cmd *cobra.Command, by map[string]words) {
	for name, w := range by {
		if err := cmd.RegisterFlagCompletionFunc(name, w); err != nil {
			panic(err) // there is no such flag
		}
	}
}

func typeWords() []string {
	var all []string
	for _, t := range ns.Types() {
		all = append(all, t.String())
	}
	return append(all, "all")
}

// oneType completes with a type of namespace.
func oneType(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return typeWords()[:ns.NumTypes], cobra.ShellCompDirectiveNoFileComp
}

// oneKind completes with a kind of holder.
func oneKind(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return kindWords(), cobra.ShellCompDirectiveNoFileComp
}

func kindWords() []string {
	var all []string
	for _, k := range ns.Kinds() {
		all = append(all, k.String())
	}
	return all
}

// completeRefs completes a reference: by name, container, pod or unit or, of what begins
// with a digit or "pid:", by process. Names that a shell would read as more than a word are left out.
func (a *app) completeRefs(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if strings.HasPrefix(typed, "/") || strings.HasPrefix(typed, ".") {
		return nil, cobra.ShellCompDirectiveDefault // a path
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeFor)
	defer cancel()
	h, err := host.Open(a.root)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer h.Close()
	digits, prefix := strings.CutPrefix(typed, "pid:")
	if prefix || digits != "" && digits[0] >= '0' && digits[0] <= '9' {
		return processWords(h, strings.TrimSuffix(typed, digits), digits), cobra.ShellCompDirectiveNoFileComp
	}
	snap, err := scan.Scan(ctx, scan.Options{Host: h, NamesDirs: a.netnsDirs, Sources: []string{"process", "mount", "name"}})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	owners := owner.Lazy{Host: h}
	return refWords(snap, owners.Index(ctx, snap)), cobra.ShellCompDirectiveNoFileComp
}

// isPlain reports whether a word is the same in every shell, and not too long.
func isPlain(word string) bool {
	return word != "" && len(word) <= 128 && word[0] != '-' && strings.Trim(word, plain) == ""
}

const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@+=-"

// refWords returns the references of a snapshot, with what they stand for.
func refWords(snap *ns.Snapshot, owners *owner.Index) []string {
	all := []string{"host\tthe machine's own namespace", "self\tthe namespace of this command"}
	add := func(ref, what string) {
		if isPlain(ref) {
			all = append(all, ref+"\t"+what)
		}
	}
	for i := range snap.Namespaces {
		n := &snap.Namespaces[i]
		about := render.Escape(strings.Join(append([]string{n.String()}, n.Tally()...), ", "))
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

// completeLinks completes with something of the links of all network namespaces.
func (a *app) completeLinks(of func(*ns.Link) []string) words {
	return func(cmd *cobra.Command, _ []string, _ string) (all []string, _ cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completeFor)
		defer cancel()
		h, err := host.Open("/")
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer h.Close()
		snap, err := scan.Scan(ctx, scan.Options{Host: h, Sources: []string{"process", "mount", "name"}})
		if err == nil {
			err = links.Read(ctx, h, snap)
		}
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for i := range snap.Namespaces {
			for k := range snap.Namespaces[i].Links {
				for _, word := range of(&snap.Namespaces[i].Links[k]) {
					if isPlain(word) {
						all = append(all, word+"\tin "+render.Escape(snap.Namespaces[i].String()))
					}
				}
			}
		}
		slices.Sort(all)
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

func linkNames(l *ns.Link) []string { return append([]string{l.Name}, l.AltNames...) }

func linkMACs(l *ns.Link) []string { return []string{l.MAC.String()} }

func linkAddrs(l *ns.Link) (all []string) {
	for _, p := range l.Addrs {
		all = append(all, p.Addr().String())
	}
	return all
}
