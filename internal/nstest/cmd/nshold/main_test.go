// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
)

func TestMain(m *testing.M) {
	nstest.Main()
	os.Exit(m.Run())
}

func TestHold(t *testing.T) {
	need.Root(t)
	nstest.CheckLeaks(t)
	in, end := io.Pipe()
	out, w := io.Pipe()
	code := make(chan int)
	go func() { code <- run([]string{"socket"}, in, w, os.Stderr) }()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var truth nstest.Truth
	if err == nil {
		err = json.Unmarshal(line, &truth)
	}
	if err != nil {
		t.Fatalf("read %q: %v", line, err)
	}
	h := truth.Holders[0]
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", h.PID, *h.FD))
	if want := fmt.Sprintf("socket:[%d]", h.Inode); err != nil || link != want {
		t.Errorf("fd is %q, want %q (%v)", link, want, err)
	}
	end.Close()
	if got := <-code; got != 0 {
		t.Errorf("exit status %d", got)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", h.PID)); err == nil {
		t.Error("the holder is still there")
	}
}

func TestHoldPath(t *testing.T) {
	need.Root(t)
	nstest.CheckLeaks(t)
	path := filepath.Join(t.TempDir(), "two words")
	var out bytes.Buffer
	if code := run([]string{"-path", path, "mount"}, strings.NewReader(""), &out, os.Stderr); code != 0 {
		t.Errorf("exit status %d", code)
	}
	var truth nstest.Truth
	if err := json.Unmarshal(out.Bytes(), &truth); err != nil || truth.Holders[0].Path != path {
		t.Errorf("got %s (%v), want path %s", out.Bytes(), err, path)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is still there")
	}
}

func TestUsageErrors(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "zombie-leader"},
		{[]string{"-x", "fd"}, 2, "not defined: -x"},
		{[]string{"fd", "fd"}, 2, "usage: nshold"},
	} {
		var errs bytes.Buffer
		if code := run(tt.args, strings.NewReader(""), io.Discard, &errs); code != tt.code || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%q: exit status %d, %s", tt.args, code, errs.String())
		}
	}
}
