// SPDX-License-Identifier: Apache-2.0

package trace

// One object serves both architectures, as CO-RE leaves nothing of either in it.
// The old one is for kernels without bpf_rdonly_cast (before 6.2).
//
//go:generate go tool bpf2go -target bpfel -tags "amd64 || arm64" -no-global-types -type event -type ns_set -type numbers -type filter -type shared_state -type call -type abi -type via -type note -type fact -type caller -type caller_note -type filter_size -type path_size -type ns_index calls ../../bpf/trace/trace.bpf.c -- -O2 -Wall -Werror -mcpu=v3 -DDIRECT
//go:generate go tool bpf2go -target bpfel -tags "amd64 || arm64" -no-global-types oldCalls ../../bpf/trace/trace.bpf.c -- -O2 -Wall -Werror -mcpu=v3
//go:generate go tool bpf2go -target bpfel -tags "amd64 || arm64" -no-global-types plainCalls ../../bpf/trace/plain.bpf.c -- -O2 -Wall -Werror -mcpu=v3
//go:generate go run ../../internal/trimobject calls_bpfel.o oldcalls_bpfel.o plaincalls_bpfel.o
