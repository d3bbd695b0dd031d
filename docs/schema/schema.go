// SPDX-License-Identifier: Apache-2.0

// Package schema has the published JSON Schema of the program's output.
package schema

import _ "embed"

// V1 is the JSON Schema of nsinspect/v1.
//
//go:embed nsinspect-v1.schema.json
var V1 []byte
