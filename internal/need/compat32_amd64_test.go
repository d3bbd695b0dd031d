// SPDX-License-Identifier: Apache-2.0

package need

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/tinyelf"
)

const refuseEnv = "NEED_TEST_REFUSE" // what a seccomp filter answers 32-bit calls with

func TestMain(m *testing.M) {
	if answer := os.Getenv(refuseEnv); answer != "" {
		os.Exit(probeRefused(answer))
	}
	os.Exit(m.Run())
}

// probeRefused probes with a seccomp filter that refuses all 32-bit calls.
func probeRefused(answer string) int {
	var action uint32
	if _, err := fmt.Sscan(answer, &action); err != nil {
		fmt.Println(err)
		return 2
	}
	runtime.LockOSThread()
	if err := refuse32(action); err != nil {
		fmt.Println(err)
		return 2
	}
	lack, err := probe32(probes32)
	if err != nil {
		fmt.Println(err)
		return 2
	}
	fmt.Println(lack)
	return 0
}

// refuse32 has every 32-bit call of this process and its children answered so.
func refuse32(action uint32) error {
	const auditArchI386 = 0x40000003 // AUDIT_ARCH_I386, linux/audit.h
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 4}, // seccomp_data.arch
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: auditArchI386},
		{Code: unix.BPF_RET | unix.BPF_K, K: action},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		return fmt.Errorf("set a seccomp filter: %w", err)
	}
	return nil
}

// A machine that refuses 32-bit calls lacks them, however it refuses.
func TestCompat32Refused(t *testing.T) {
	Compat32(t) // elsewhere the machine's own refusal comes first
	for name, test := range map[string]struct {
		action uint32
		want   string
	}{
		"killed":          {unix.SECCOMP_RET_KILL_PROCESS, "int 0x80: SIGSYS, an i386 program: SIGSYS"},
		"not implemented": {unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS), "int 0x80: function not implemented, an i386 program: SIGSEGV"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", refuseEnv, test.action))
			out, err := cmd.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != test.want {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}

// A file that no machine executes is refused, and leaves the limit of core files
// as it was.
func TestProbeExecFormat(t *testing.T) {
	var before, after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	lack, err := probe32([]probe{{"no program", []byte("\x7fELF and no more")}})
	if want := "no program: exec format error"; err != nil || lack != want {
		t.Errorf("%q, %v; want %q", lack, err, want)
	}
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &after); err != nil || after != before {
		t.Errorf("limit of core files %+v, %v; want %+v", after, err, before)
	}
}

// A probe that does something else than it is to do is no answer.
func TestProbeBroken(t *testing.T) {
	exit := func(status byte) []byte {
		return tinyelf.AMD64([]byte{
			0xb8, 0x3c, 0x00, 0x00, 0x00, // mov eax, 60 (exit)
			0xbf, status, 0x00, 0x00, 0x00, // mov edi, status
			0x0f, 0x05, // syscall
		})
	}
	for _, status := range []byte{0, 3, byte(unix.EPERM)} {
		if lack, err := probe32([]probe{{"broken", exit(status)}}); err == nil {
			t.Errorf("exit status %d: %q and no error", status, lack)
		}
	}
	if lack, err := probe32([]probe{{"good", exit(reached)}}); err != nil || lack != "" {
		t.Errorf("exit status %d: %q, %v", reached, lack, err)
	}
}
