// SPDX-License-Identifier: Apache-2.0

// Package actors has programs that others wrote move between namespaces, and
// checks that a tracer records exactly the calls that strace prints of the same run.
package actors
