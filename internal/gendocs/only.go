// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	rowInode  = regexp.MustCompile("^(?:[a-z]+ +|[ |`-]*)(\\d{10})  ")      // a row of a table, or of a tree in ASCII
	linkInode = regexp.MustCompile(`^[a-z]+:\[(\d{10})\]\n$`)               // a line of -o name
	wireInode = regexp.MustCompile(`(?m)^ +(?:"inode"|inode): (\d{10}),?$`) // in JSON and YAML
)

// only takes the namespaces that are not to be kept out of what list printed.
// It leaves every other byte as it was, but for the comma after what is now the
// last element of a JSON list.
func only(text string, keep map[uint64]bool) string {
	var out []string
	for _, part := range parts(text) {
		m := rowInode.FindStringSubmatch(part)
		if m == nil {
			m = linkInode.FindStringSubmatch(part)
		}
		if m == nil {
			m = wireInode.FindStringSubmatch(part)
		}
		if m != nil {
			if inode, err := strconv.ParseUint(m[1], 10, 64); err == nil && !keep[inode] {
				continue
			}
		}
		out = append(out, part)
	}
	for i := 1; i < len(out); i++ {
		if strings.HasPrefix(out[i], "  ]") && strings.HasSuffix(out[i-1], "    },\n") {
			out[i-1] = strings.TrimSuffix(out[i-1], ",\n") + "\n"
		}
	}
	return strings.Join(out, "")
}

// parts cuts output into elements of a JSON or YAML list, and lines elsewhere.
func parts(text string) []string {
	var all []string
	inside := false // an element that goes on
	for line := range strings.Lines(text) {
		starts := line == "    {\n" || strings.HasPrefix(line, "- ")
		goesOn := inside && strings.HasPrefix(line, "  ") && line != "  ],\n" && line != "  ]\n"
		if goesOn && !starts {
			all[len(all)-1] += line
			inside = line != "    }\n" && line != "    },\n"
			continue
		}
		all = append(all, line)
		inside = starts
	}
	return all
}
