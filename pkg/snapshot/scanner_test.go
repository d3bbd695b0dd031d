// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// textOfWhole returns what is written of a file with something of every kind in it.
func textOfWhole(t testing.TB) []byte { return textWritten(t, whole()) }

// textWritten returns the JSON that is written of a file.
func textWritten(t testing.TB, f *File) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(written(t, f, Encoding{})))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// scanned reads a text as a record, and compares it with what encoding/json reads.
func scanned[T any](t testing.TB, text []byte, field fieldOf[T]) (known bool) {
	t.Helper()
	s := scanner{text: text, seed: maphash.MakeSeed()}
	var got, want T
	if !record(&s, &got, field) || s.at != len(text) {
		return false
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Errorf("%T is read of %q: %v", got, text, err)
	} else if !reflect.DeepEqual(got, want) {
		t.Errorf("%q is read as\n%+v, not\n%+v", text, got, want)
	}
	return true
}

// scannedAll reads a text as a record of every kind that stands for itself, and returns of which
// it can be one.
func scannedAll(t testing.TB, text []byte) (known []string) {
	t.Helper()
	scanned(t, text, comparedField)
	for kind, is := range map[string]bool{"process": scanned(t, text, processField), "namespace": scanned(t, text, keptField), "finding": scanned(t, text, findingField)} {
		if is {
			known = append(known, kind)
		}
	}
	return known
}

// What Write writes is read without encoding/json; of anything else the scanner reads what
// encoding/json does, or nothing.
func TestScanner(t *testing.T) {
	for line := range bytes.SplitSeq(textOfWhole(t), []byte("\n")) {
		if line = bytes.TrimSuffix(line, []byte(",")); bytes.HasPrefix(line, []byte("{")) && !bytes.HasPrefix(line, []byte(`{"schema"`)) && len(scannedAll(t, line)) == 0 {
			t.Errorf("encoding/json has to read %s", line)
		}
	}
	for _, tt := range []struct {
		kind, text string
		known      bool
	}{
		{"process", `{}`, true},
		{"process", `{"pid":7,"pid":8}`, true},
		{"process", `{"pid":-7}`, true},
		{"process", `{"pid":07}`, false},
		{"process", `{"pid":-0}`, true},
		{"process", `{"pid":7.0}`, false},
		{"process", `{"pid":7e1}`, false},
		{"process", `{"pid":2147483647}`, true},
		{"process", `{"pid":2147483648}`, false},
		{"process", `{"uid":999999999999999999}`, true},
		{"process", `{"uid":9223372036854775807}`, false},
		{"namespace", `{"inode":18446744073709551615}`, false},
		{"namespace", `{"inode":-1}`, false},
		{"process", `{"pid":null}`, false},
		{"process", `{"pid":"7"}`, false},
		{"process", `{"PID":7}`, false},
		{"process", `{"comm":"a\"b\\c"}`, true},
		{"process", `{"comm":"\u00e9\n\ud800"}`, true},
		{"process", `{"comm":"é…"}`, true},
		{"process", "{\"comm\":\"\xff\"}", true},
		{"process", "{\"comm\":\"a\\\"\xff\"}", true},
		{"process", "{\"comm\":\"a\nb\"}", false},
		{"process", `{"comm":"a\xb"}`, false},
		{"process", `{"comm":"a"`, false},
		{"process", `{"comm":"a",}`, false},
		{"process", `{"comm":"a";"pid":1}`, false},
		{"process", `{"comm" :"a"}`, false},
		{"process", `{"cmdline":[]}`, true},
		{"process", `{"cmdline":["a","b"],"cmdline":["c"]}`, false},
		{"process", `{"cmdline":["a",]}`, false},
		{"process", `{"cmdline":["a" "b"]}`, false},
		{"process", `{"uid":0,"started":"2026-03-01T12:00:00.5+01:00"}`, true},
		{"process", `{"started":"2026-03-01"}`, false},
		{"process", `{"comm_base64":"/w=="}`, true},
		{"process", `{"comm_base64":"/w"}`, false},
		{"process", `{"owner":{"runtime":"docker"},"owner":{"id":"x"}}`, true},
		{"namespace", `{"initial":true,"owns":false}`, true},
		{"namespace", `{"initial":1}`, false},
		{"process", `{"new_member":{"a":[1,{"b":"]}"}]},"pid":7}`, true},
		{"process", `{"new_member":{"a":[1,}]},"pid":7}`, false},
		{"process", `{"new_member":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`, false},
		{"finding", `{"evidence":[1,"x",0],"title":2147483647,"id":2147483646}`, true},
		{"finding", `{"id":2147483648}`, false},
		{"namespace", `{"names":[{"path":"/run/netns/a"},{}],"links":[{"addrs":["::1/128"],"peer":{"namespace":{"inode":3}}}]}`, true},
		{"namespace", `{"members":[0,7,9,9],"answer":{"verdict":0,"fix":["x"],"advice":[]},"listeners":[]}`, true},
		{"process", `[]`, false},
		{"process", ``, false},
	} {
		if known := slices.Contains(scannedAll(t, []byte(tt.text)), tt.kind); known != tt.known {
			t.Errorf("%.60q is read by the scanner: %v", tt.text, known)
		}
	}
}

func FuzzScanner(f *testing.F) {
	for line := range bytes.SplitSeq(textOfWhole(f), []byte("\n")) {
		f.Add(bytes.TrimSuffix(line, []byte(",")))
	}
	f.Fuzz(func(t *testing.T, text []byte) { scannedAll(t, text) })
}

const noJSON = "no JSON"

// kindOfError returns what is wrong with a file.
func kindOfError(err error) string {
	for _, kind := range []error{errOther, errNoSnapshot, errCutOff, errTooLarge} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	if text := fmt.Sprint(err); strings.Contains(text, " (byte ") || strings.HasSuffix(text, "something follows its end") {
		return noJSON
	}
	return fmt.Sprint(err)
}

// sameAsJSON has Read find in a text what encoding/json does.
func sameAsJSON(t testing.TB, text []byte, in func(io.Reader) io.Reader) {
	t.Helper()
	got, err := Read(in(bytes.NewReader(text)))
	want, wantErr := readByJSON(text)
	kind, wantKind := kindOfError(err), kindOfError(wantErr)
	if twice := err != nil && wantErr != nil && kind == noJSON && wantKind != errCutOff.Error(); kind != wantKind && !twice { // what is broken may be wrong, too
		t.Errorf("%.200q: %v, want %v", text, err, wantErr)
	}
	if err == nil && wantErr == nil && !bytes.Equal(written(t, got, Encoding{}), written(t, want, Encoding{})) {
		t.Errorf("%.200q: another file than encoding/json reads", text)
	}
}

// TestReadAsJSON has every text be read, or refused, as if it were read by encoding/json alone.
func TestReadAsJSON(t *testing.T) {
	text := textOfWhole(t)
	whole := func(r io.Reader) io.Reader { return r }
	sameAsJSON(t, text, iotest.OneByteReader)
	for n := range text {
		if n%101 == 0 {
			for _, c := range []string{"", " ", "}", "]", ",", ":", `"`, `\`, "0", "x", "{", "null", "\x00"} {
				sameAsJSON(t, append(append(bytes.Clone(text[:n]), c...), text[n+len(c)%2:]...), whole)
			}
		}
	}
	const head = `{"schema":"nsinspect/v2","document":"snapshot","taken":"2026-03-01T12:00:00Z"`
	for _, text := range []string{
		`{`, `{}`, `{} {}`, `{}]`, `{"schema":1}`, `[]`, head, head + `}`, head + `,}`, head + ` "a":1}`, head + `,"a" 1}`, head + `,1:2}`, head + `,null:1}`,
		`{"boot":"","processes"`, `{"boot":"","processes" `, `{"boot":"","processes":`, `{"boot":"","processes":7`, `{"boot":"","processes"}`,
		`{"namespaces"`, `{"namespaces":`, `{"namespaces":[`, `{"namespaces":7`, `{"namespaces" []}`,
		head + `,"namespaces":[]}`, head + `,"namespaces":[,]}`, head + `,"namespaces":[{}`, head + `,"namespaces":[{"type":"net","inode":1},]}`,
		head + `,"namespaces":[{"type":"net","inode":1} {"type":"net","inode":2}]}`, head + `,"namespaces":[{"type":"net","inode":1}}`,
		head + `,"namespaces":null}`, head + `,"namespaces":7}`, head + `,"namespaces":7`, head + `,"namespaces":[7`, head + `,"x":7`, head + `,"namespaces":x}`, head + `,"namespaces":"net"}`, head + `,"namespaces":{}}`, head + `,"namespaces":}`,
		head + `,"processes":[{"pid":1},{"pid":2}],"namespaces":[{"TYPE":"net","Inode":1,"members":[0,1]}],"x":[` + strings.Repeat("[", 10_000) + `]}`,
		head + `,"namespaces":[{"type":"net","inode":1,"inode":2,"names":[{"path":"a","kind":"mount","authority":"root"}],"names":[{"kind":"mount","authority":"root"}]}]}`,
		head + `,"x":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `}`, head + `,"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`,
		head + `,"\u0078":1,"doctor":{"findings":[{"severity":"ok","authority":"root","id":0}]},"texts":["a%%b"]} `,
	} {
		sameAsJSON(t, []byte(text), whole)
		sameAsJSON(t, []byte(text), iotest.OneByteReader)
	}
}
