// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"path"
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
	"github.com/nsinspect/nsinspect/pkg/owner"
)

// containerCommands returns how a container of a runtime is stopped and started anew. A
// name may begin with a dash, or be one that the runtime gives a meaning of its own.
func containerCommands(runtime string) (stop, restart string) {
	switch runtime {
	case "docker":
		return "docker stop -- %s", "docker restart -- %s"
	case "podman":
		return "podman stop -- %s", "podman restart -- %s"
	case "lxc":
		return "lxc-stop --name=%s", ""
	case "incus":
		return "incus stop -- %s", "incus restart -- %s"
	case "lxd":
		return "lxc stop -- %s", "lxc restart -- %s"
	case "nspawn":
		return "machinectl poweroff -- %s", "machinectl reboot -- %s"
	}
	return "", ""
}

// within reports whether a command may be for an owner: by root's word, and one that the
// runtimes and the service manager of this machine have. Those inside of a container may have
// another of that name.
func within(o *owner.Owner) bool { return o != nil && o.Authority.Trusted && !o.Guest }

// handle is what a runtime is to be given for a container. Its commands ask one daemon, which
// may not be the container's, and have another container of that name: none has another ID.
func handle(o *owner.Owner) string {
	if o.Namesake {
		return o.ID
	}
	return cmp.Or(o.Name, o.ID)
}

// ofContainer returns a command of a container's runtime. Incus and LXD call a container in a
// project other than the default one "PROJECT_NAME", and take no such name.
func ofContainer(format string, o *owner.Owner) string {
	project, name, in := strings.Cut(o.Name, "_")
	if in && (o.Runtime == "incus" || o.Runtime == "lxd") {
		return command(strings.Replace(format, "--", "%s --", 1), "--project="+project, name)
	}
	return command(format, handle(o))
}

// stop returns the command that ends all that an owner has, "" if none is known or the
// owner is none for a command.
func stop(o *owner.Owner) string {
	switch {
	case !within(o):
		return ""
	case o.Pod != "" && o.Name == "" && o.ID != "":
		return command("crictl stopp -- %s", o.ID)
	case o.Pod != "":
		return replacePod(o)
	}
	if cmd, _ := containerCommands(o.Runtime); cmd != "" && handle(o) != "" {
		return ofContainer(cmd, o)
	}
	return unit("systemctl stop -- %s", o)
}

// unpaused returns a command for an owner with what has to come before it: Podman does not stop
// a container that is paused, as the other runtimes do.
func (a *Adviser) unpaused(o *owner.Owner, h *ns.Holder, cmd string) string {
	if o.Runtime != "podman" || !a.freezer(h.PID).Frozen() {
		return cmd
	}
	return ofContainer("podman unpause -- %s", o) + " && " + cmd
}

// restart returns the command that starts an owner anew, which closes what it had open;
// "" if none is known or the owner is none for a command.
func restart(o *owner.Owner) string {
	switch {
	case !within(o):
		return ""
	case o.Pod != "":
		return replacePod(o)
	}
	if _, cmd := containerCommands(o.Runtime); cmd != "" && handle(o) != "" {
		return ofContainer(cmd, o)
	}
	if strings.HasSuffix(o.Unit, ".service") {
		return unit("systemctl restart -- %s", o)
	}
	return stop(o)
}

// replacePod returns the command that has a pod replaced. Of a static pod, the API server has a
// copy alone: the runtime ends the container or, where that has the pod's namespaces, the pod, and
// the kubelet starts it again.
func replacePod(o *owner.Owner) string {
	switch {
	case o.Static && o.ID == "":
		return ""
	case o.Static && o.Name == "":
		return command("crictl stopp -- %s", o.ID)
	case o.Static:
		return command("crictl stop -- %s", o.ID)
	}
	namespace, pod, ok := strings.Cut(o.Pod, "/")
	if !ok || namespace == "" || pod == "" {
		return ""
	}
	return command("kubectl delete pod %s -- %s", "--namespace="+namespace, pod)
}

// unit returns a command for the unit of an owner that is nothing but a unit. systemctl
// takes patterns. A scope of a login session is not to be stopped for one process.
func unit(format string, o *owner.Owner) string {
	service := strings.HasSuffix(o.Unit, ".service") && !strings.HasPrefix(o.Unit, "user@")
	scope := strings.HasSuffix(o.Unit, ".scope") && !strings.HasPrefix(o.Unit, "session-") && o.Unit != "init.scope"
	if o.Runtime != "systemd" && o.Runtime != "container" && o.Runtime != "" || !service && !scope || strings.ContainsAny(o.Unit, "*?[") {
		return ""
	}
	return command(format, o.Unit)
}

// clean returns the command by which a runtime takes away what a dead container has left;
// "" if none is known or the owner is none for a command.
func clean(o *owner.Owner) string {
	switch {
	case !within(o) || o.ID == "":
		return ""
	case o.Runtime == "podman":
		// It may take a container for running whose conmon was killed, and then
		// refuses to clean up.
		stop, cleanup := command("podman stop -t 0 -- %s", o.ID), command("podman container cleanup -- %s", o.ID)
		if stop == "" {
			return ""
		}
		return stop + "; " + cleanup
	case o.Pod != "":
		return command("crictl rmp -- %s", o.ID)
	}
	return ""
}

// removes reports whether the runtime of a namespace's container takes a mount away when
// the container stops: it is the name that the runtime made.
func (a *Adviser) removes(o *owner.Owner, n *ns.Namespace, h *ns.Holder) bool {
	for _, c := range a.Owners().Containers() {
		if c.Sandbox != "" && c.Runtime == o.Runtime && c.NetNS == n.Inode && path.Base(c.Sandbox) == path.Base(h.Path) {
			return true
		}
	}
	return false
}
