// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"reflect"
	"strings"
	"testing"
)

// A member that the scanner does not know it leaves out: it is to know each that is written.
func TestEveryFieldIsRead(t *testing.T) {
	readsAll(t, processField)
	readsAll(t, leaderField)
	readsAll(t, detailsField)
	readsAll(t, ownerField)
	readsAll(t, keptField)
	readsAll(t, comparedField, "answer", "listeners", "local_routes")
	readsAll(t, nameField)
	readsAll(t, ageField)
	readsAll(t, referencesField)
	readsAll(t, answerField)
	readsAll(t, linkField)
	readsAll(t, peerField)
	readsAll(t, refField)
	readsAll(t, holderField)
	readsAll(t, findingField)
}

// readsAll checks that every field of a record is read into itself, but for those that are left
// out.
func readsAll[T any](t *testing.T, field fieldOf[T], leftOut ...string) {
	t.Helper()
	one := new(T)
	v, n := reflect.ValueOf(one).Elem(), 0
	for _, f := range reflect.VisibleFields(v.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		n++
		to := field(one, []byte(name))
		out := strings.Contains(" "+strings.Join(leftOut, " ")+" ", " "+name+" ")
		switch want := v.FieldByIndex(f.Index).Addr(); {
		case to == nil && !out:
			t.Errorf("%T: %q is not read", one, name)
		case to != nil && (out || reflect.TypeOf(to) != want.Type() || reflect.ValueOf(to).Pointer() != want.Pointer()):
			t.Errorf("%T: %q is read into another field, or not to be read", one, name)
		}
	}
	if n == 0 {
		t.Errorf("%T: no fields", one)
	}
}
