// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsinspect/nsinspect/internal/host"
	"github.com/nsinspect/nsinspect/pkg/scan"
)

// fleet makes a machine of n Docker containers: what dockerd and its containerd
// write down of each, and a process in a namespace of its own.
func fleet(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, text []byte) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config, bundle := recorded(t, "docker-config.v2.json"), recorded(t, "moby-bundle.json")
	const id = "6e2258c07d8d57ed1708c7efbbce5b9fb63e7b18ae245bd4b09cf988b04e5986"
	for i := range n {
		its := fmt.Sprintf("%064x", i+1<<40)
		text := bytes.ReplaceAll(config, []byte(id), []byte(its))
		text = bytes.Replace(text, []byte(`"/web"`), fmt.Appendf(nil, `"/web-%d"`, i), 1)
		text = bytes.Replace(text, []byte("49d09c7c518d"), fmt.Appendf(nil, "%012x", i), 1)
		write("var/lib/docker/containers/"+its+"/config.v2.json", text)
		in := "run/containerd/io.containerd.runtime.v2.task/moby/" + its
		write(in+"/config.json", bytes.ReplaceAll(bundle, []byte(id), []byte(its)))
		write(in+"/init.pid", fmt.Appendf(nil, "%d", 1000+i))
		proc := fmt.Sprintf("proc/%d/", 1000+i)
		write(proc+"comm", []byte("sleep\n"))
		write(proc+"cgroup", []byte("0::/system.slice/docker-"+its+".scope\n"))
		write(proc+"stat", fmt.Appendf(nil, "%d (sleep) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 0\n", 1000+i, i))
		if err := os.MkdirAll(filepath.Join(dir, proc, "ns"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(fmt.Sprintf("net:[%d]", 4026600000+i), filepath.Join(dir, proc, "ns/net")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// BenchmarkOwners is what owners add to `nsinspect list` on a machine of a
// thousand containers: reading what is written down of them and asking for each
// namespace's. The target is 60 ms.
func BenchmarkOwners(b *testing.B) {
	h, err := host.Open(fleet(b, 1000))
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	snap, err := scan.Scan(b.Context(), scan.Options{Host: h})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		x := Read(b.Context(), Options{Host: h, Snapshot: snap})
		x.Prefetch(snap)
		for i := range snap.Namespaces {
			if o := x.Namespace(&snap.Namespaces[i]); o == nil || !strings.HasPrefix(o.String(), "docker:web-") {
				b.Fatalf("namespace %d is %v's", i, o)
			}
		}
		if gaps := x.Gaps(); len(gaps) > 0 {
			b.Fatal(gaps)
		}
	}
}
