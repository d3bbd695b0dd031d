// SPDX-License-Identifier: Apache-2.0

package bpfreader

// One object serves both architectures, as CO-RE leaves nothing of either in it.
// The old one is for kernels without bpf_rdonly_cast (before 6.2), and the usual one, of
// other kernels, has less to read. The table is made of the lean one, which only tests have.
//
//go:generate go tool bpf2go -target bpfel -tags "amd64 || arm64" -no-global-types -type task_record -type file_record -type own_record -type relation -type net_record -type listed_record -type listed_walk -type totals -type options -type net_walk -type queue_walk -type queued_walk -type mapping_walk -type mount_walk -type closing_walk -type request_walk -type ns_index -type task_flag -type file_kind -type file_flag -type walk_state -type batch_size -type own_size scan ../../bpf/scan/scan.bpf.c -- -O2 -Wall -Werror -mcpu=v3 -DDIRECT
//go:generate go tool bpf2go -target bpfel -tags "amd64 || arm64" -no-global-types old ../../bpf/scan/scan.bpf.c -- -O2 -Wall -Werror -mcpu=v3
//go:generate go tool bpf2go -target bpfel -tags "amd64 || arm64" -no-global-types usual ../../bpf/scan/scan.bpf.c -- -O2 -Wall -Werror -mcpu=v3 -DDIRECT -DUSUAL
//go:generate go tool bpf2go -target bpfel -tags "amd64 || arm64" -no-global-types -output-suffix _test lean ../../bpf/scan/scan.bpf.c -- -O2 -Wall -Werror -mcpu=v3 -DDIRECT -DNO_RELATIONS
//go:generate go run ../trimobject scan_bpfel.o old_bpfel.o usual_bpfel.o
//go:generate env UPDATE_GOLDEN=1 go test -count=1 -run ^TestTable$ .
