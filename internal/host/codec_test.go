// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"errors"
	"io"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// sample is an answer with one of each kind.
type sample struct {
	Names    []record.Name
	Dangling []ns.DanglingName
	Mounted  map[string]record.Key
	Numbers  []int64
	Text     []byte
	Yes, No  bool
	Failure  Failure
	Empty    []string
}

func newSample() sample {
	return sample{
		Names: []record.Name{
			{Key: record.Key{Type: ns.Net, Inode: math.MaxUint64}, Name: ns.Name{Name: "\xff\x00blue", Path: "/run/netns/\xff"}, Cookie: 7},
			{},
		},
		Dangling: []ns.DanglingName{{Path: "/run/netns/old", Made: time.Unix(1700000000, 123).UTC(), Authority: ns.Authority{UID: math.MaxUint32, Trusted: true}}},
		Mounted:  map[string]record.Key{"/a\xfe": {Type: ns.User, Inode: 1}, "": {Inode: 2}},
		Numbers:  []int64{math.MinInt64, -1, 0, math.MaxInt64},
		Text:     []byte{0, 255},
		Yes:      true,
		Failure:  Failure{Errno: 13, Text: "permission denied"},
	}
}

// TestMessages checks that several values in a row arrive as they were sent.
func TestMessages(t *testing.T) {
	var pipe bytes.Buffer
	sent := newSample()
	for range 2 {
		if err := send(&pipe, &sent); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		var got sample
		if err := receive(&pipe, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, sent) {
			t.Errorf("got %+v, want %+v", got, sent)
		}
	}
	if err := receive(&pipe, &sent); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v, want %v", err, io.EOF)
	}
}

// TestBrokenMessages checks that what was cut off or is too long is an error.
func TestBrokenMessages(t *testing.T) {
	var pipe bytes.Buffer
	sent := newSample()
	if err := send(&pipe, &sent); err != nil {
		t.Fatal(err)
	}
	whole := pipe.Bytes()
	for n := range whole {
		if err := receive(bytes.NewReader(whole[:n]), &sample{}); err == nil {
			t.Fatalf("no error for %d of %d bytes", n, len(whole))
		}
		short := append(appendNumber(nil, uint64(n)), whole[8:]...)
		if err := receive(bytes.NewReader(short), &sample{}); n < len(whole)-8 && err == nil {
			t.Fatalf("no error for a message of %d bytes", n)
		}
	}
	long := append(appendNumber(nil, uint64(len(whole)-7)), append(whole[8:], 0)...)
	if err := receive(bytes.NewReader(long), &sample{}); err == nil {
		t.Error("no error for one byte too many")
	}
	if err := receive(bytes.NewReader(appendNumber(nil, math.MaxUint64)), &sample{}); err == nil {
		t.Error("no error for an endless message")
	}
	if err := send(io.Discard, &struct{ F func() }{}); err == nil {
		t.Error("no error for a function")
	}
}
