// SPDX-License-Identifier: Apache-2.0

package need

import "github.com/nsinspect/nsinspect/internal/tinyelf"

var probes32 = []probe{
	{"a 32-bit ARM program", tinyelf.ARM(
		0xe3a07001,         // mov r7, #1 (exit)
		0xe3a00000|reached, // mov r0, #reached
		0xef000000,         // svc #0
		0xe7f000f0,         // udf #0, which is SIGILL: it was refused
	)},
}
