// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/render"
	"github.com/nsinspect/nsinspect/internal/text"
)

// formatOf reads -o and -J of list and who-uses.
func formatOf(output string, json bool) (render.Format, error) {
	switch {
	case json && output != string(render.Table) && output != string(render.JSON):
		return "", usagef("-J is for JSON, and -o is %s\nhint: leave one of them out; JSON has everything", text.Name(output))
	case json:
		return render.JSON, nil
	}
	if hint := explain.Format(output); hint != "" {
		return "", usagef("unknown output format %q\nhint: %s", output, hint)
	}
	return parseFormat(output, render.Table, render.Wide, render.CSV, render.JSON, render.YAML, render.Name)
}

func parseFormat(text string, known ...render.Format) (render.Format, error) {
	if f := render.Format(text); slices.Contains(known, f) {
		return f, nil
	}
	var words []string
	for _, k := range known {
		words = append(words, string(k))
	}
	last := len(words) - 1
	return "", usagef("unknown output format %q\nhint: use %s or %s", text, strings.Join(words[:last], ", "), words[last])
}
