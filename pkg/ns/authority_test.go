// SPDX-License-Identifier: Apache-2.0

package ns

import "testing"

func TestAuthority(t *testing.T) {
	self := Authority{UID: 1000, Trusted: true}
	for _, tt := range []struct {
		a, b Authority
		want string
	}{
		{KernelAuthority, KernelAuthority, "kernel"},
		{KernelAuthority, RootAuthority, "root"},
		{RootAuthority, UserAuthority(1000), "user:1000/x"},
		{RootAuthority, self, "user:1000"},
		{UserAuthority(1000), UserAuthority(1000), "user:1000/x"},
		{UserAuthority(1000), UserAuthority(1001), "user/x"},
		{UserAuthority(1000), UnknownAuthority, "user/x"},
	} {
		for _, got := range []Authority{tt.a.And(tt.b), tt.b.And(tt.a)} {
			text := got.String()
			if !got.Trusted {
				text = got.Qualify("x")
			}
			if text != tt.want || (got.Suffix() == "") != got.Trusted {
				t.Errorf("%v and %v: %s, want %s", tt.a, tt.b, text, tt.want)
			}
		}
	}
	if (Authority{}).Trusted {
		t.Error("the zero value is trusted")
	}
}

func TestCutQualified(t *testing.T) {
	for ref, want := range map[string]string{
		"user:1000/web": "web", "user:0/a/b": "", "user:1000/docker:web": "docker:web",
		"user:1000/": "", "user:1000": "", "user:-1/x": "", "user:01/x": "", "user:x/y": "", "user/x": "", "web": "", "user:[1]": "",
	} {
		uid, name, ok := CutQualified(ref)
		if ok != (want != "") || ok && (name != want || UserAuthority(uid).Qualify(name) != ref) {
			t.Errorf("CutQualified(%q) = %d, %q, %v, want %q", ref, uid, name, ok, want)
		}
	}
}
