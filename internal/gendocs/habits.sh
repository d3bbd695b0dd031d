#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Prepares the host on which the rows of docs/habits.md are compared, and stays. It is
# the first process of a PID namespace, where mounts and network are its own too.
# It prints a process of the namespace named blue, once all is there.
mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs run /run && mkdir /run/netns || exit
for name in blue red empty; do
	ip netns add $name && ip -n $name link set lo up || exit
done
ip -n blue address add 192.0.2.7/24 dev lo || exit

ip netns exec blue sleep 100001 & blue=$!
ip netns exec blue sleep 100002 &
ip netns exec red setpriv --reuid=65534 --clear-groups sleep 100003 &
unshare -n sleep 100004 &                # without a name
unshare -U -r -i -u -C -T sleep 100005 & # of the types that no other has
unshare -p -f sleep 100006 &
sh -c 'true & exec sleep 100007' &       # has a zombie
for kind in thread zombie-leader; do
	mkfifo /run/$kind && { nshold $kind <>/run/$kind >/run/$kind.out & } || exit
done

there() {
	test "$(cat /proc/[0-9]*/comm | grep -cx sleep)" -eq 7 &&
		grep -q '^State:.Z' /proc/[0-9]*/status && test -s /run/thread.out && test -s /run/zombie-leader.out
}
until there 2>/dev/null; do sleep 0.02; done
echo $blue
wait
