// SPDX-License-Identifier: Apache-2.0

// Package runtimes measures nsinspect by real container runtimes: what `docker
// inspect`, `podman inspect`, ctr and lxc-info report of a container's process and
// namespace, nsinspect must report too.
//
//	go test ./test/runtimes            # as root; about 40 seconds
//
// Each runtime is started for one test in a home of its own (home.go) and shares
// nothing with one that the machine may run. When the test ends, fails, panics or
// is killed, all that belongs to the home is swept (sweep.go): processes, mounts,
// namespaces, bridges and cgroups. Nothing is pulled from anywhere: the image is
// a static busybox (image.go).
//
// On Debian 12 the tests need
//
//	apt-get install --no-install-recommends \
//		docker.io lxc podman netavark iptables iproute2 uidmap busybox-static
//
// A further runtime is one file with start, run, inspect, exec and remove, one
// test that walks through the checks of check.go, and one row in the table of
// clean_test.go.
package runtimes
