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

	"github.com/google/jsonschema-go/jsonschema"

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
var strict = sync.OnceValues(func() (*jsonschema.Resolved, error) {
	var published map[string]any
	if err := json.Unmarshal(schema.V1, &published); err != nil {
		return nil, fmt.Errorf("parse schema: %w", err)
	}
	definitions, ok := published["$defs"].(map[string]any)
	if !ok {
		return nil, errors.New("schema without $defs")
	}
	for _, d := range definitions {
		d.(map[string]any)["additionalProperties"] = false
	}
	if err := assertFormats(published); err != nil {
		return nil, err
	}
	text, err := json.Marshal(published)
	if err != nil {
		return nil, err
	}
	var parsed jsonschema.Schema
	if err := json.Unmarshal(text, &parsed); err != nil {
		return nil, fmt.Errorf("parse schema: %w", err)
	}
	return parsed.Resolve(nil)
})

// dateTime is date-time of RFC 3339, section 5.6, as far as a pattern can have it.
const dateTime = `^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`

// assertFormats makes patterns of the formats in a schema, which validators need not look at.
func assertFormats(schema any) error {
	var errs []error
	switch schema := schema.(type) {
	case map[string]any:
		if format, has := schema["format"].(string); has {
			if format != "date-time" {
				errs = append(errs, fmt.Errorf("schema with the format %s, which nothing here validates", format))
			}
			delete(schema, "format")
			schema["pattern"] = dateTime
		}
		for _, part := range schema {
			errs = append(errs, assertFormats(part))
		}
	case []any:
		for _, part := range schema {
			errs = append(errs, assertFormats(part))
		}
	}
	return errors.Join(errs...)
}
