// SPDX-License-Identifier: Apache-2.0

package explain

import "strings"

// habits are commands and flags that people type as for other programs, and what to type
// here. Flags that do the same here are not among them. docs/habits.md has them too.
var habits = []struct {
	command string // that has the flags; "" for commands themselves
	typed   string
	here    string
}{
	{"", "get show", "nsinspect list"},
	{"", "netns", "nsinspect list --name '*'"},
	{"", "list-id", "nsinspect list --columns +NSID"},
	{"", "identify", "nsinspect list --pid PID"},
	{"", "watch", "nsinspect list --watch"},
	{"", "tree", "nsinspect list --tree owner"},
	{"", "describe inspect pids ps", "nsinspect who-uses REF"},
	{"", "enter run shell", "nsinspect exec REF -- COMMAND"},
	{"", "monitor events", "nsinspect trace --lifecycle"},
	{"", "attach", "nsinspect name REF NAME"},
	{"", "add", "ip netns add NAME; for a namespace that exists, nsinspect name REF NAME"},
	{"", "del delete", "ip netns del NAME"},
	{"", "set", "ip netns set NAME NSID"},

	{"nsinspect", "-V --version", "nsinspect version"},
	{"nsinspect", "-n -netns", "nsinspect exec REF -- ip COMMAND"},
	{"nsinspect", "-a --all", "nsinspect exec --all -- COMMAND"},
	{"nsinspect", "-j -J --json", "nsinspect list -o json"},

	{"list who-uses", "-r --raw", "use -o csv"},
	{"list who-uses", "-u --notruncate -W --nowrap", "use -o wide; what is piped is never cut"},
	{"list who-uses", "-V --version", "nsinspect version"},
	{"list who-uses", "-j", "use -J, or -o json"},
	{"list who-uses", "--namespace", "a pod is the reference pod:NAMESPACE/NAME"},
	{"list", "-l --list", "leave it out: without --tree, list is a list; --filter selects"},
	{"list", "--selector --field-selector", "use --filter EXPRESSION"},
	{"list", "-P --persistent", "use --no-process"},
	{"list", "-H --list-columns", "use --columns help"},
	{"list", "--output-all", "use -o csv, or --columns LIST"},
	{"list", "--sort-by", "use --sort COLUMNS"},
	{"list", "--all-namespaces", "leave it out: list has every network namespace; -A is for all types"},
	{"list", "--show-labels", "use -o wide"},

	{"exec", "-i --stdin --tty", "leave it out: the command has stdin and the terminal"},
	{"exec", "-c --container", "a container is a reference, such as docker:NAME"},
	{"exec", "-n --namespace", "a pod is the reference pod:NAMESPACE/NAME"},
	{"exec", "-a", "use --all"},

	{"trace", "-f --follow-forks", "leave it out: children are traced with a COMMAND"},
	{"trace", "-e", "use --type or --filter"},
	{"trace", "-c", "use --count N"},
	{"trace", "-w", "use --to FILE"},
	{"trace", "-C", "use --comm NAME"},
	{"trace", "-u --user", "use --uid USER"},
	{"trace", "-n --namespace --netns", "use --ns REF"},
}

// Habit returns what to type in place of a flag of a command or, with "", of a command of
// another program; "" if nothing is known.
func Habit(command, typed string) string {
	for _, h := range habits {
		if contains(h.command, command) && contains(h.typed, typed) {
			return h.here
		}
	}
	return ""
}

// Format returns what to type in place of an output format of another program, "" if nothing
// is known.
func Format(typed string) string {
	switch name, _, _ := strings.Cut(typed, "="); {
	case strings.HasPrefix(name, "custom-columns"):
		return "for columns use --columns LIST; --columns help lists them"
	case strings.HasPrefix(name, "jsonpath"), strings.HasPrefix(name, "go-template"):
		return "use -o json, and jq"
	}
	return ""
}

// contains reports whether a word is one of some words; "" is one of none.
func contains(words, word string) bool {
	return words == word || word != "" && strings.Contains(" "+words+" ", " "+word+" ")
}
