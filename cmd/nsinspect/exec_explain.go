// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/explain"
	"github.com/nsinspect/nsinspect/internal/text"
	"github.com/nsinspect/nsinspect/pkg/enter"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// explainEntry adds what to do about an error where that is known.
func explainEntry(n *ns.Namespace, err error) error {
	var step *enter.StepError
	if !errors.As(err, &step) || !enter.Denied(err) {
		return err
	}
	if step.Other() {
		return explain.WithHint(err, "%s", explain.Privilege(unix.CAP_SYS_ADMIN))
	}
	if !step.Entering() {
		return explain.WithHint(err, "%s, or use --net-only, which needs less", explain.Privilege(unix.CAP_SYS_ADMIN))
	}
	if hint := strangerHint(n); hint != "" {
		return explain.WithHint(fmt.Errorf("enter %s: %w", text.Title(n), step.Err), "%s", hint)
	}
	return explain.WithHint(fmt.Errorf("enter %s: %w", text.Title(n), step.Err), "%s", explain.Privilege(unix.CAP_SYS_ADMIN))
}

// strangerHint returns how to enter a namespace that belongs to another user
// namespace than ours, as a rootless container's: that has to be joined first,
// which a process of several threads may not (kernel/user_namespace.c,
// userns_install, 6.18).
func strangerHint(n *ns.Namespace) string {
	var own unix.Stat_t
	if unix.Stat("/proc/self/ns/user", &own) != nil || n.UserNS == 0 || n.UserNS == own.Ino {
		return ""
	}
	who := ""
	if u, err := user.LookupId(strconv.Itoa(n.OwnerUID)); err == nil {
		who = ", which " + u.Username + " made"
	}
	pid := "PID"
	if n.Leader != nil {
		pid = n.Leader.PID.String()
	}
	return fmt.Sprintf("run as root, or join its user namespace, %s%s, first: nsenter --preserve-credentials -U -n -t %s -- COMMAND",
		ns.FormatLink(ns.User, n.UserNS), who, pid)
}
