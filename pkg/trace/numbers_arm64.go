// SPDX-License-Identifier: Apache-2.0

package trace

// System call numbers: scripts/syscall.tbl and arch/arm64/tools/syscall_32.tbl.
var (
	nativeNumbers = callsNumbers{Setns: 268, Unshare: 97, Clone: 220, Clone3: 435}
	compatNumbers = callsNumbers{Setns: 375, Unshare: 337, Clone: 120, Clone3: 435}
)

var abiNames = [...]string{
	callsAbiABI_NATIVE: "arm64", callsAbiABI_COMPAT: "arm", callsAbiABI_X32: "arm64",
}

// callFunctions are the functions of the calls, each of which takes the registers
// (arch/arm64/include/asm/syscall_wrapper.h, from Linux 4.19), of either ABI.
var callFunctions = []string{
	"__arm64_sys_setns", "__arm64_sys_unshare", "__arm64_sys_clone", "__arm64_sys_clone3",
}

// untypedSeesCompat32 is whether tier 3 lacks nothing of 32-bit calls: the mode that the
// registers have is that of the call.
const untypedSeesCompat32 = true
