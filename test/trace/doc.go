// SPDX-License-Identifier: Apache-2.0

// Package actors has programs that others wrote move between namespaces, and
// demands that a tracer tells exactly the calls that strace tells of the same run.
package actors
