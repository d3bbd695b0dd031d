// SPDX-License-Identifier: Apache-2.0

// Package doctor holds no code: its tests break a real host in every way that the
// doctor has a check for, and check that this check, and no other, reports it.
package doctor
