// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/yaml"
)

// encode writes v as JSON or YAML. One JSON object is one line where oneLine
// asks for it, and indented otherwise.
func encode(w io.Writer, f Format, oneLine bool, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // it is not for web pages
	if !oneLine {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	out := escapeControls(buf.Bytes())
	if f == YAML {
		var err error
		if out, err = yaml.JSONToYAML(out); err != nil {
			return fmt.Errorf("encode YAML: %w", err)
		}
	}
	_, err := w.Write(out)
	return err
}

// escapeControls writes the control characters that JSON may hold as they are,
// and YAML and terminals may not, as \u escapes. They occur in strings only.
func escapeControls(json []byte) []byte {
	var out []byte
	for i, r := range string(json) {
		if size := utf8.RuneLen(r); r != '\n' && r <= 0xffff && !unicode.IsPrint(r) {
			if out == nil {
				out = append(out, json[:i]...)
			}
			out = fmt.Appendf(out, `\u%04x`, r)
		} else if out != nil {
			out = append(out, json[i:i+size]...)
		}
	}
	if out == nil {
		return json
	}
	return out
}
