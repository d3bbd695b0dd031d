// SPDX-License-Identifier: Apache-2.0

// Command gen writes the JSON Schema of the wire format.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/nsinspect/nsinspect/internal/wire"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: gen FILE, in the directory of package wire")
	}
	text, err := schema()
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], text, 0o644)
}

// documents are the types of what the program prints, each a document or a line of
// its own.
var documents = []any{
	wire.List{}, wire.Uses{}, wire.Doctor{}, wire.Snapshot{}, wire.Diff{}, wire.Leaks{}, wire.Version{},
	wire.TraceStart{}, wire.TraceCall{}, wire.TraceLifecycle{}, wire.TraceLost{}, wire.TraceEnd{},
}

// mapped returns the schema of a type that is written in a way of its own, nil for any other.
func mapped(t reflect.Type) *jsonschema.Schema {
	if t != reflect.TypeFor[wire.Text]() {
		return nil
	}
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "integer", Minimum: "0"}, {Type: "string"}}}
}

// schema returns the schema of every document. Descriptions are the comments of the
// package in the current directory. Unknown fields are allowed, as fields may be
// added to the format.
func schema() ([]byte, error) {
	r := &jsonschema.Reflector{AllowAdditionalProperties: true, Mapper: mapped}
	if err := r.AddGoComments("github.com/nsinspect/nsinspect/internal/wire", "./", jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("read comments: %w", err)
	}
	all := &jsonschema.Schema{
		Version: jsonschema.Version, Title: wire.Schema,
		Description: "What nsinspect prints with -o json: one document, or one record a line of a trace.",
		Definitions: jsonschema.Definitions{},
	}
	for _, d := range documents {
		s := r.Reflect(d)
		for name, definition := range s.Definitions {
			all.Definitions[name] = definition
		}
		all.OneOf = append(all.OneOf, &jsonschema.Schema{Ref: s.Ref})
	}
	text, err := json.MarshalIndent(all, "", "  ")
	return append(text, '\n'), err
}
