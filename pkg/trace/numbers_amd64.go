// SPDX-License-Identifier: Apache-2.0

package trace

// System call numbers: arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl.
var (
	nativeNumbers = callsNumbers{Setns: 308, Unshare: 272, Clone: 56, Clone3: 435}
	compatNumbers = callsNumbers{Setns: 346, Unshare: 310, Clone: 120, Clone3: 435}
)

var abiNames = [...]string{
	callsAbiABI_NATIVE: "x86_64", callsAbiABI_COMPAT: "i386", callsAbiABI_X32: "x32",
}

// callFunctions are the functions of the calls, each of which takes the registers
// (arch/x86/include/asm/syscall_wrapper.h, from Linux 4.17).
var callFunctions = []string{
	"__x64_sys_setns", "__x64_sys_unshare", "__x64_sys_clone", "__x64_sys_clone3",
	"__ia32_sys_setns", "__ia32_sys_unshare", "__ia32_compat_sys_ia32_clone", "__ia32_sys_clone3",
}

// untypedSeesCompat32 is whether tier 3 lacks nothing of 32-bit calls: it takes one by int 0x80
// of a 64-bit program for one of the number that this has there.
const untypedSeesCompat32 = false
