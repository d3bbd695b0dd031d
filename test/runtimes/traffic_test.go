// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package runtimes

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/pkg/scan"
	"github.com/nsinspect/nsinspect/pkg/scan/bpf"
	"github.com/nsinspect/nsinspect/test/engines"
)

// traffic is what runs in a container until its stdin ends: a web server that forks for
// each connection, and a client that is a new process with a new connection each time.
const traffic = `busybox ip link set lo up
busybox httpd -f -p 127.0.0.1:8080 -h /bin & server=$!
while :; do busybox wget -q -O /dev/null http://127.0.0.1:8080/busybox && echo; done & client=$!
read end
kill $client $server
wait
true`

// TestTraffic checks that the account of a container's namespace balances in every one of
// 50 scans, while its processes and connections come and go.
func TestTraffic(t *testing.T) {
	need.Program(t, "nsenter")
	start := map[string]func(t *testing.T) container{
		"docker": func(t *testing.T) container { return startDocker(t).run(t, "web") },
		"podman": func(t *testing.T) container { return startPodman(t).run(t, "web") },
		"lxc":    func(t *testing.T) container { return newLXC(t).run(t, "web") },
	}
	engines.CheckKernel(t)
	e, err := bpf.New()
	if err != nil {
		need.Missing(t, "needs the bpf engine: "+err.Error())
	}
	defer e.Close()
	n := newInspect(t, "--engine", "bpf")
	for name, start := range start {
		t.Run(name, func(t *testing.T) { checkTraffic(t, e, n, start(t)) })
	}
}

func checkTraffic(t *testing.T, e scan.Engine, n nsinspect, c container) {
	t.Helper()
	requests := startTraffic(t, c)
	inode := c.netns(t)
	const scans = 50
	before := requests()
	for i := range scans {
		snap, err := scan.Scan(t.Context(), scan.Options{Engine: e, Balance: inode})
		if err != nil {
			t.Fatal(err)
		}
		if found := snap.Find(inode); found == nil || found.References == nil || found.References.Total != found.References.Explained {
			t.Errorf("scan %d: the references do not balance: %+v", i, found)
		}
		// It is no traffic where nothing comes and goes from one scan to the next.
		nstest.Eventually(t, func() string {
			if requests() <= before+i {
				return "no request since the last scan"
			}
			return ""
		})
	}
	shown := n.whoUses(t, "pid:"+strconv.Itoa(c.pid)).Namespace
	if shown.References == nil || shown.References.Total != shown.References.Explained {
		t.Errorf("who-uses: references %+v do not balance; %v", shown.References, shown.Counts)
	}
	t.Logf("%d requests during %d scans", requests()-before, scans)
}

// lineCounter counts the lines that are written to it.
type lineCounter struct{ atomic.Int64 }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.Add(int64(bytes.Count(p, []byte("\n"))))
	return len(p), nil
}

// startTraffic starts the traffic inside a container, until the test ends. It returns how
// many requests were answered so far.
func startTraffic(t *testing.T, c container) (requests func() int) {
	t.Helper()
	var answered lineCounter
	cmd := exec.Command("nsenter", "--target", strconv.Itoa(c.pid), "--all", "/bin/sh", "-c", traffic)
	cmd.Stdout = &answered
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It is not killed: nsenter has to wait for its shell, which would keep the container's
	// PID namespace as a zombie that nobody waits for.
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	requests = func() int { return int(answered.Load()) }
	nstest.Eventually(t, func() string {
		if n := requests(); n < 10 {
			return fmt.Sprintf("%d requests", n)
		}
		return ""
	})
	return requests
}
