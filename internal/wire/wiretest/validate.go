// SPDX-License-Identifier: Apache-2.0

// Package wiretest validates what the program prints by the published JSON Schema.
package wiretest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/nsinspect/nsinspect/docs/schema"
)

// Validate returns an error if text is not one or more documents of the schema, or
// has a field that the schema does not declare.
func Validate(text []byte) error {
	schema, err := strict()
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	for n := 0; ; n++ {
		var document any
		err := dec.Decode(&document)
		switch {
		case err == io.EOF && n > 0:
			return nil
		case err == io.EOF:
			return errors.New("no document")
		case err != nil:
			return fmt.Errorf("document %d: %w", n, err)
		}
		if err := schema.Validate(document); err != nil {
			return fmt.Errorf("document %d: %w", n, err)
		}
	}
}

// strict is the published schema without the permission to add fields.
var strict = sync.OnceValues(func() (*jsonschema.Schema, error) {
	text, err := schema.V1, error(nil)
	if err != nil {
		return nil, err
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("parse schema: %w", err)
	}
	definitions, ok := schema.(map[string]any)["$defs"].(map[string]any)
	if !ok {
		return nil, errors.New("schema without $defs")
	}
	for _, d := range definitions {
		d.(map[string]any)["additionalProperties"] = false
	}
	const url = "nsinspect-v1.schema.json"
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(url, schema); err != nil {
		return nil, err
	}
	return c.Compile(url)
})
