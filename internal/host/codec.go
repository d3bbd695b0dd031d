// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// A message between a helper and who asks it is its length and a value: in the order of its
// fields and elements, numbers as 64 bits, and before strings, slices and maps their length.
// Both ends are the same program. Fields that are not exported are left out. encoding/gob
// does the same, and registers types of its own at every start of the program; JSON has no
// strings of any bytes.

var errMessage = errors.New("message is cut off")

// send writes a message with what value points to.
func send(w io.Writer, value any) error {
	b, err := appendValue(make([]byte, 8), reflect.ValueOf(value).Elem())
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(b, uint64(len(b)-8))
	_, err = w.Write(b)
	return err
}

// receive reads a message into what value points to, which is zero. At the end of input
// between two messages it returns io.EOF.
func receive(r io.Reader, value any) error {
	var length [8]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxAnswer {
		return fmt.Errorf("message of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	b, err := readValue(b, reflect.ValueOf(value).Elem())
	if err == nil && len(b) > 0 {
		err = errors.New("message is too long")
	}
	return err
}

func appendNumber(b []byte, n uint64) []byte { return binary.LittleEndian.AppendUint64(b, n) }

func appendBytes[S string | []byte](b []byte, s S) []byte {
	return append(appendNumber(b, uint64(len(s))), s...)
}

func appendValue(b []byte, v reflect.Value) ([]byte, error) {
	var err error
	if m, ok := v.Interface().(encoding.BinaryMarshaler); ok {
		text, err := m.MarshalBinary()
		return appendBytes(b, text), err
	}
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return appendNumber(b, 1), nil
		}
		return appendNumber(b, 0), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return appendNumber(b, uint64(v.Int())), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return appendNumber(b, v.Uint()), nil
	case reflect.String:
		return appendBytes(b, v.String()), nil
	case reflect.Struct:
		for i := 0; i < v.NumField() && err == nil; i++ {
			if v.Type().Field(i).IsExported() {
				b, err = appendValue(b, v.Field(i))
			}
		}
		return b, err
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return appendBytes(b, v.Bytes()), nil
		}
		b = appendNumber(b, uint64(v.Len()))
		for i := 0; i < v.Len() && err == nil; i++ {
			b, err = appendValue(b, v.Index(i))
		}
		return b, err
	case reflect.Map:
		b = appendNumber(b, uint64(v.Len()))
		for pairs := v.MapRange(); pairs.Next() && err == nil; {
			if b, err = appendValue(b, pairs.Key()); err == nil {
				b, err = appendValue(b, pairs.Value())
			}
		}
		return b, err
	}
	return nil, fmt.Errorf("a message has no %s", v.Type())
}

func takeNumber(b []byte) (uint64, []byte, error) {
	if len(b) < 8 {
		return 0, nil, errMessage
	}
	return binary.LittleEndian.Uint64(b), b[8:], nil
}

// takeLength takes the length of what is in the rest, of a byte and more an element.
func takeLength(b []byte) (int, []byte, error) {
	n, b, err := takeNumber(b)
	if err == nil && n > uint64(len(b)) {
		err = errMessage
	}
	return int(n), b, err
}

func readValue(b []byte, v reflect.Value) ([]byte, error) {
	if m, ok := v.Addr().Interface().(encoding.BinaryUnmarshaler); ok {
		n, b, err := takeLength(b)
		if err != nil {
			return nil, err
		}
		return b[n:], m.UnmarshalBinary(b[:n])
	}
	switch v.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n, b, err := takeNumber(b)
		switch {
		case v.Kind() == reflect.Bool:
			v.SetBool(n != 0)
		case v.CanInt():
			v.SetInt(int64(n))
		default:
			v.SetUint(n)
		}
		return b, err
	case reflect.String:
		n, b, err := takeLength(b)
		if err != nil {
			return nil, err
		}
		v.SetString(string(b[:n]))
		return b[n:], nil
	case reflect.Struct:
		var err error
		for i := 0; i < v.NumField() && err == nil; i++ {
			if v.Type().Field(i).IsExported() {
				b, err = readValue(b, v.Field(i))
			}
		}
		return b, err
	case reflect.Slice:
		return readSlice(b, v)
	case reflect.Map:
		return readMap(b, v)
	}
	return nil, fmt.Errorf("a message has no %s", v.Type())
}

// readSlice leaves an empty slice nil.
func readSlice(b []byte, v reflect.Value) ([]byte, error) {
	n, b, err := takeLength(b)
	if err != nil || n == 0 {
		return b, err
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes(append([]byte(nil), b[:n]...))
		return b[n:], nil
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := 0; i < n && err == nil; i++ {
		b, err = readValue(b, v.Index(i))
	}
	return b, err
}

// readMap leaves an empty map nil.
func readMap(b []byte, v reflect.Value) ([]byte, error) {
	n, b, err := takeLength(b)
	if err != nil || n == 0 {
		return b, err
	}
	v.Set(reflect.MakeMap(v.Type()))
	for range n {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if b, err = readValue(b, key); err == nil {
			b, err = readValue(b, value)
		}
		if err != nil {
			return nil, err
		}
		v.SetMapIndex(key, value)
	}
	return b, nil
}
