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
