// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// AboutStuckCleanup is what the check finds.
const AboutStuckCleanup = "the kernel worker that frees namespaces is stuck"

// NoKernelThreads is why the check can find nothing.
const NoKernelThreads = "kernel threads cannot be seen from here"

// StuckCleanup writes about a kernel worker that has slept so long in these functions, which
// are unknown if there are none.
func (a *Adviser) StuckCleanup(worker ns.TaskID, slept time.Duration, functions []string) (t Text) {
	t.Summary = "it is stuck in cleanup_net: no network namespace of this machine goes away any more"
	t.See(fmt.Sprintf("in uninterruptible sleep for %s at least", slept))
	waits := "Its kernel thread waits for something that is not let go"
	if slices.ContainsFunc(functions, func(f string) bool { return strings.HasPrefix(f, "netdev_wait_allrefs") }) {
		waits = "Its kernel thread waits for the last reference to a device (\"unregister_netdevice: waiting for lo to become free\")"
	}
	t.Meaning = waits + ". Namespaces that end queue up behind it, and creating new ones can hang. A reboot is the only certain remedy."
	if len(functions) > 0 {
		t.See("it waits in " + strings.Join(few(functions, 4), ", "))
	}
	t.fix()
	t.look("dmesg | grep unregister_netdevice", "which device it waits for")
	t.look(fmt.Sprintf("cat /proc/%d/stack", worker), "where it waits")
	return t
}
