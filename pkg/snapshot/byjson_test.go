// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/nsinspect/nsinspect/internal/wire"
)

// readByJSON is Read, by nothing but encoding/json.
func readByJSON(text []byte) (*File, error) {
	in, err := plain(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	j := byJSON{json.NewDecoder(in), in, &parser{bounded: &bounded{}, rest: map[string]json.RawMessage{}}}
	f, err := j.document()
	if err != nil {
		return nil, bound(j.explain(err))
	}
	return f, nil
}

// byJSON is a parser that encoding/json finds all values for.
type byJSON struct {
	json *json.Decoder
	in   io.Reader // what json has not read yet
	*parser
}

func (j *byJSON) document() (*File, error) {
	if err := j.object(j.member); err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(io.MultiReader(j.json.Buffered(), j.in))
	if err == nil && len(bytes.TrimLeft(rest, " \n\r\t")) > 0 {
		err = errors.New("it is broken: something follows its end")
	}
	if err != nil {
		return nil, err
	}
	return j.finish()
}

func (j *byJSON) member(key string) (err error) {
	switch key {
	case "processes":
		if err = j.begin(); err == nil {
			err = eachByJSON(j, j.addProcess)
		}
	case "namespaces":
		if err = j.delim('['); err == nil {
			j.other = string(j.rest["document"]) != `"snapshot"`
			err = restByJSON(j, j.addNamespace)
		}
	case "texts":
		j.read.texts = pieces[string]{}
		err = eachByJSON(j, j.addText)
	case "doctor":
		rest := map[string]json.RawMessage{}
		j.read.findings = pieces[wire.KeptFinding]{}
		err = j.object(func(key string) error {
			if key == "findings" {
				return eachByJSON(j, j.addFinding)
			}
			return j.keep(rest, key)
		})
		if err == nil {
			j.doctor = new(wire.KeptDoctor)
			err = unmarshal(rest, j.doctor)
		}
	default:
		if err = j.keep(j.rest, key); err == nil && key == "schema" {
			err = checkSchema(j.rest["schema"])
		}
	}
	return err
}

func (j *byJSON) keep(rest map[string]json.RawMessage, key string) error {
	var value json.RawMessage
	err := j.json.Decode(&value)
	rest[key] = value
	return err
}

func (j *byJSON) object(member func(key string) error) error {
	err := j.delim('{')
	for err == nil && j.json.More() {
		var key json.Token
		if key, err = j.json.Token(); err == nil {
			err = j.follows()
		}
		if err == nil {
			err = member(key.(string))
		}
	}
	if err == nil {
		err = j.delim('}')
	}
	return err
}

// follows returns an error if the text ends here: Token takes a name without a look at what is behind it.
func (j *byJSON) follows() error {
	if j.json.More() {
		return nil
	}
	rest, err := io.ReadAll(j.json.Buffered())
	if err == nil && len(bytes.TrimLeft(rest, " \n\r\t")) == 0 {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func eachByJSON[T any](j *byJSON, add func(*T) error) error {
	if err := j.delim('['); err != nil {
		return err
	}
	return restByJSON(j, add)
}

// restByJSON reads the rest of a list that has begun.
func restByJSON[T any](j *byJSON, add func(*T) error) (err error) {
	for err == nil && j.json.More() {
		one := new(T)
		if err = j.json.Decode(one); err == nil {
			err = add(one)
		}
	}
	if err == nil {
		err = j.delim(']')
	}
	return err
}

func (j *byJSON) delim(want json.Delim) error {
	token, err := j.json.Token()
	if err == nil && token != want {
		return errNoSnapshot
	}
	return err
}
