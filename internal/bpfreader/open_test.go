// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package bpfreader

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/need"
	"github.com/nsinspect/nsinspect/internal/nstest"
	"github.com/nsinspect/nsinspect/internal/testlock"
)

func programIDs(t *testing.T, r *Reader) []ebpf.ProgramID {
	t.Helper()
	var ids []ebpf.ProgramID
	for _, prog := range programsOf(r) {
		info, err := prog.Info()
		if err != nil {
			t.Fatal(err)
		}
		id, _ := info.ID()
		ids = append(ids, id)
	}
	return ids
}

// programsOf loads every pass asked for.
func programsOf(r *Reader) map[Pass]*ebpf.Program {
	progs := make(map[Pass]*ebpf.Program)
	for p := range r.passes {
		if prog, err := r.Load(p); err == nil {
			progs[p] = prog
		}
	}
	return progs
}

// checkUnloaded waits for the kernel to free the programs, which it does from
// a work queue (bpf_prog_put_deferred).
func checkUnloaded(t *testing.T, ids []ebpf.ProgramID) {
	t.Helper()
	for _, id := range ids {
		nstest.Eventually(t, func() string {
			prog, err := ebpf.NewProgramFromID(id)
			if errors.Is(err, os.ErrNotExist) {
				return ""
			}
			prog.Close() // nil where there is an error
			return fmt.Sprintf("program %d: %v, want none", id, err)
		})
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Tasks | Files | Nets})
	ids := programIDs(t, r)
	if len(ids) != 3 {
		t.Errorf("%d programs loaded, want 3", len(ids))
	}
	must(t, "close", r.Close())
	must(t, "close again", r.Close())
	checkUnloaded(t, ids)
	if _, err := r.Tasks(func(*Task) {}); err == nil {
		t.Error("a closed reader read tasks")
	}
	if _, err := r.Nets(); err == nil {
		t.Error("a closed reader read namespaces")
	}
}

// TestKilledLeavesNothing kills a reader in the middle of a pass.
func TestKilledLeavesNothing(t *testing.T) {
	need.Root(t)
	if os.Getenv("BPFREADER_TEST_CHILD") == "killed" {
		r := open(t, Options{Passes: Tasks | Files | Nets})
		fmt.Println("ids", strings.Trim(fmt.Sprint(programIDs(t, r)), "[]"))
		r.Tasks(func(*Task) {
			fmt.Println("reading")
			select {}
		})
		return
	}
	child := exec.Command("/proc/self/exe", "-test.run=^TestKilledLeavesNothing$")
	child.Env = append(os.Environ(), "BPFREADER_TEST_CHILD=killed")
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	out, err := child.StdoutPipe()
	must(t, "pipe", err)
	must(t, "start", child.Start())
	var ids []ebpf.ProgramID
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 1 && fields[0] == "reading" {
			break
		}
		if len(fields) < 2 || fields[0] != "ids" {
			continue
		}
		for _, f := range fields[1:] {
			var id uint32
			fmt.Sscan(f, &id)
			ids = append(ids, ebpf.ProgramID(id))
		}
	}
	must(t, "kill", child.Process.Kill())
	child.Wait()
	if len(ids) != 3 {
		t.Fatalf("child loaded programs %v, want 3", ids)
	}
	checkUnloaded(t, ids)
}

func TestOpenLoadsOnlyWanted(t *testing.T) {
	need.Root(t)
	r := open(t, Options{Passes: Tasks})
	if ids := programIDs(t, r); len(ids) != 1 {
		t.Errorf("loaded %d programs, want 1", len(ids))
	}
	if _, err := r.Files(func(*File) {}); err == nil {
		t.Error("read open files without having asked for them")
	}
}

// withCapabilities runs f on a thread that has only these left, and ends.
func withCapabilities(t *testing.T, f func(), keep ...uint) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		var data [2]unix.CapUserData
		for _, c := range keep {
			data[c/32].Effective |= 1 << (c % 32)
			data[c/32].Permitted |= 1 << (c % 32)
		}
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		must(t, "drop capabilities", unix.Capset(&hdr, &data[0]))
		f()
	}()
	<-done
}

func TestCapabilities(t *testing.T) {
	need.Root(t)
	tests := []struct {
		keep []uint
		want string // "" opens
	}{
		{nil, "needs CAP_BPF and CAP_PERFMON"},
		{[]uint{unix.CAP_BPF}, "needs CAP_PERFMON"},
		{[]uint{unix.CAP_PERFMON}, "needs CAP_BPF"},
		{[]uint{unix.CAP_BPF, unix.CAP_PERFMON}, ""},
		{[]uint{unix.CAP_SYS_ADMIN}, ""},
	}
	for _, tt := range tests {
		withCapabilities(t, func() {
			r, err := Open(Options{})
			if err == nil {
				defer r.Close()
				allPasses(t, r)
			}
			switch {
			case tt.want == "" && err != nil, tt.want != "" && err == nil:
				t.Errorf("with %v: %v", tt.keep, err)
			case tt.want != "" && (!strings.Contains(err.Error(), tt.want+":") || !errors.Is(err, os.ErrPermission)):
				t.Errorf("with %v: %v, want %q", tt.keep, err, tt.want)
			}
		}, tt.keep...)
	}
}

// TestReaderKeepsNothingAlive checks that the kernel's list is after all passes what
// it was before.
func TestReaderKeepsNothingAlive(t *testing.T) {
	need.Root(t)
	r, err := Open(Options{Passes: Usual | rare})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ns := inNew(t, func() { allPasses(t, r) })
	checkGone(t, r, ns)
}

// allPasses runs every pass that the reader has.
func allPasses(t testing.TB, r *Reader) {
	t.Helper()
	if _, err := r.Tasks(func(*Task) {}); err != nil {
		t.Error(err)
	}
	if _, err := r.Nets(); err != nil {
		t.Error(err)
	}
	progs := programsOf(r)
	for p, pass := range map[Pass]func(func(*File)) (Totals, error){
		Files: r.Files, InFlight: r.InFlight, Mapped: r.Mapped, Closing: r.Closing, Rings: r.Rings, Requests: r.Requests,
		Mappings: r.Mappings, ClosedPeers: r.ClosedPeers,
	} {
		if progs[p] == nil {
			continue
		}
		if _, err := pass(func(*File) {}); err != nil {
			t.Error(err)
		}
	}
}

// TestRefused checks that a kernel refuses just the passes that are newer, and
// that using one returns ErrRefused.
func TestRefused(t *testing.T) {
	need.Root(t)
	r, err := Open(Options{Passes: Usual | rare})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	refused := make(map[Pass]error)
	for _, refusal := range r.Refused() {
		refused[refusal.Pass] = refusal.Err
	}
	for _, prog := range programs {
		if prog.pass == Lists || prog.pass == queued {
			continue // which was not asked for, or is none for a user
		}
		if (refused[prog.pass] != nil) != old(t, prog.pass) {
			t.Errorf("%s: %v", prog.action, refused[prog.pass])
		}
	}
	// The fallbacks are for kernels without bpf_loop, as is the want of Mapped.
	files := programsOf(r)[Files]
	if files == nil {
		t.Fatal("open files are not read at all")
	}
	if info, err := files.Info(); err != nil || (info.Name == scanProgFdTables) == old(t, Mapped) {
		t.Errorf("open files are read by %q, %v", info.Name, err)
	}
	if _, err := r.InFlight(func(*File) {}); (err != nil) != (refused[InFlight] != nil) || err != nil && !errors.Is(err, ErrRefused) {
		t.Errorf("read files in flight: %v", err)
	}
}

// TestOldObject runs the other tests with the object for kernels before 6.2.
func TestOldObject(t *testing.T) {
	testlock.Exclusive(t) // some of those it runs are a load
	need.Root(t)
	child := exec.Command("/proc/self/exe", "-test.run=Test[^KC]", "-test.skip=^TestOldObject$", "-test.v")
	child.Env = append(os.Environ(), "BPFREADER_TEST_OLD=1")
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// rare are the passes that no usual scan needs, but for Lists, which is of its own.
const rare = Closing | Rings | Requests | Mappings | ClosedPeers
