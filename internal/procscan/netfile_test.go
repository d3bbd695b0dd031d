// SPDX-License-Identifier: Apache-2.0

package procscan

import "testing"

func TestNetName(t *testing.T) {
	for link, want := range map[string]string{
		"/proc/42/net/tcp":             "tcp",
		"/proc/42/net/tcp (deleted)":   "tcp",
		"/proc/42/task/43/net/unix":    "unix",
		"/host/proc/42/net/dev":        "dev",
		"/proc/42/net/stat/rt_cache":   "",
		"/proc/42/net":                 "",
		"/proc/meminfo":                "",
		"/proc/sys/net/core/somaxconn": "",
		"/proc/self/net/tcp":           "",
		"/net/tcp":                     "",
		"":                             "",
	} {
		if got := netName(link); got != want {
			t.Errorf("%q: %q, want %q", link, got, want)
		}
	}
}
