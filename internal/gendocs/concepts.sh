#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the transcripts of docs/concepts.md again, in place. As root, at the top
# of the tree:
#
#     internal/gendocs/concepts.sh
#
# It works in a mount namespace of its own, with an empty /run, and needs go, ip,
# unshare, nsenter, setpriv, strace, jq and python3; the part on Docker also
# dockerd, docker and a static busybox, and is left as it was without them.
set -u
if [ "${1-}" != inside ]; then
	[ -d /etc/netns ] || { mkdir /etc/netns && trap 'rmdir /etc/netns' EXIT; }
	unshare --mount --propagation private --kill-child --fork bash "$0" inside
	exit
fi

page=$PWD/docs/concepts.md
awk '$0 ~ / - nsfs /{print $5}' /proc/self/mountinfo | while read -r m; do umount -l "$m"; done
umount -l /run/netns 2>/dev/null
mount -t tmpfs -o mode=755 tmpfs /run && mount -t tmpfs tmpfs /etc/netns || exit 1
mkdir -p /run/bin /run/lock /run/work /run/out
CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /run/bin/nsinspect ./cmd/nsinspect || exit 1
cd /run/work || exit 1
awk '/^`[a-z]*\.py`:$/{f=substr($0,2,length($0)-3)} /^```python$/{on=1;next} /^```$/{on=0} on{print > f}' "$page"
export PATH=/run/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run

b() { out=/run/out/$1; : >"$out"; }                                # begin a transcript
t() { { printf '# %s\n' "$1"; eval "$1" 2>&1; } >>"$out"; }        # show a command
u() { { printf '$ %s\n' "$1"; setpriv --reuid=65534 --regid=65534 --clear-groups sh -c "$1" 2>&1; } >>"$out"; }
end() { kill -9 "$@"; wait "$@" 2>/dev/null; }
second() { ls "/proc/$1/task" | grep -v "^$1\$" | head -n 1; }     # thread of a process

identity_and_proc() {
	b identity
	t 'readlink /proc/self/ns/net'
	t 'stat -Lc "device %d, inode %i" /proc/self/ns/net'
	t 'nsinspect list 2>/dev/null | head -n 2'
	b reuse;  t 'for i in 1 2 3; do unshare -n readlink /proc/self/ns/net; sleep 0.2; done'
	b cookie; t 'for i in 1 2 3; do unshare -n python3 cookie.py; sleep 0.2; done'
	          t 'python3 cookie.py'
	unshare -n sleep 1000 & S=$!; sleep 0.3
	b proc;   t "ls -l /proc/$S/ns"
	b procns; t "nsinspect who-uses $S 2>/dev/null"
	python3 split.py & Z=$!; sleep 0.5; T=$(second $Z)
	b thread
	t "readlink /proc/$Z/ns/net /proc/$Z/task/$T/ns/net"
	t "nsinspect who-uses /proc/$Z/task/$T/ns/net 2>/dev/null"
	t "nsinspect list 2>/dev/null | grep -E 'INODE|$(stat -Lc %i /proc/$Z/task/$T/ns/net)'"
	end $Z
	python3 leader.py & Z=$!; sleep 0.7; T=$(second $Z)
	b zombie
	t "ps -o pid,stat,comm -p $Z"
	t "readlink -v /proc/$Z/ns/net"
	t "readlink /proc/$Z/task/$T/ns/net"
	t "nsinspect who-uses /proc/$Z/task/$T/ns/net 2>/dev/null"
	t "nsinspect who-uses $Z"
	end $Z
	b ptrace
	u "ls /proc/$S/ns"
	u "readlink /proc/$S/ns/net || echo \$?"
	u "nsinspect who-uses $S"
}

file_and_setns() {
	b nsfs
	t "stat -c '%F' /proc/$S/ns/net"
	t "stat -Lc '%F, device %d, inode %i' /proc/$S/ns/net"
	t "stat -Lfc 'file system %T, magic %t' /proc/$S/ns/net"
	b jump
	t "readlink /proc/$S/ns/net; ls 'net:[$(stat -Lc %i /proc/$S/ns/net)]'"
	t "ln -s 'net:[$(stat -Lc %i /proc/$S/ns/net)]' text; stat -L text"
	b fd;     t "sh -c 'exec 7</proc/$S/ns/net; ls -l /proc/self/fd/7; cat /proc/self/fdinfo/7'"
	b opath;  t "python3 opath.py /proc/$S/ns/net"
	b nstype
	t "strace -e trace=openat,setns nsenter --uts=/proc/$S/ns/net true 2>&1 | grep -E 'ns/net|setns'"
	t "nsenter --uts=/proc/$S/ns/net true"
	b move;   t "python3 move.py /proc/$S/ns/net"
	b movetrace
	t "nsinspect trace --syscalls -- python3 move.py /proc/$S/ns/net 2>&1 >/dev/null"
	b setns
	t "strace -e trace=openat,setns,execve nsenter --net=/proc/$S/ns/net true 2>&1 | grep -E 'ns/net|setns|execve' | grep -v ENOENT"
	nsenter --net=/proc/$S/ns/net sleep 1000 & E=$!; sleep 0.3
	b enter;  t "nsinspect who-uses $S 2>/dev/null"
	b entertrace
	t "nsinspect trace --syscalls -- nsenter --net=/proc/$S/ns/net true"
	end $E $S
	b sources; t 'nsinspect list -o json 2>/dev/null | jq -c .sources'
	python3 hide.py & F=$!; sleep 0.5; N=$(stat -Lc %i /proc/$F/fd/5)
	b hidden
	t "ls -l /proc/$F/fd | grep -E 'net:|socket'"
	t "nsinspect list 2>/dev/null | grep $N; echo \$?"
	t "nsinspect who-uses $N"
	t "nsinspect who-uses /proc/$F/fd/5 2>/dev/null"
	end $F
}

children() {
	unshare -Urn unshare -U sleep 1000 & C=$!; sleep 0.5; U=$(stat -Lc %i /proc/$C/ns/user)
	M=$(nsinspect list --type user -o json 2>/dev/null | jq ".namespaces[] | select(.inode == $U) .parent")
	b children
	t "readlink /proc/$C/ns/user; lsns --tree=owner -o NS,TYPE,NPROCS,COMMAND | grep -B 2 $U"
	t "nsinspect list --type user 2>/dev/null | grep -E 'INODE|$M|$U'"
	t "nsinspect who-uses 'user:[$M]' 2>/dev/null"
	end $C
}

ip_netns() {
	b add
	t "strace -e trace=mkdir,mount,unshare,openat ip netns add blue 2>&1 | grep -E 'netns|proc/self/ns|unshare'"
	b addmount
	t "grep ' /run/netns' /proc/self/mountinfo"
	t "stat -c 'device %d, inode %i' /run/netns/blue"
	b addtrace
	t 'nsinspect trace --syscalls -- ip netns add green'
	ip netns del green
	b adduses
	t 'nsinspect who-uses blue 2>/dev/null'
	t "nsinspect list 2>/dev/null | grep -E 'INODE|blue'"
	I=$(stat -c %i /run/netns/blue)
	unshare -m --propagation unchanged sleep 1000 & O=$!; sleep 0.3
	b propagation
	t "readlink /proc/self/ns/mnt /proc/$O/ns/mnt"
	t "ip netns add green; grep netns/green /proc/$O/mountinfo"
	t "ip netns del green; grep netns/green /proc/$O/mountinfo; echo \$?"
	end $O
	unshare -m --propagation private sleep 1000 & P=$!; sleep 0.3
	ip netns add red
	b private
	t "grep netns/red /proc/$P/mountinfo; echo \$?"
	t "umount /run/netns/blue; stat -fc %T /run/netns/blue"
	t "grep netns/blue /proc/$P/mountinfo"
	b privatelist
	t "nsinspect who-uses $I"
	t "nsenter --target $P --mount nsinspect who-uses blue 2>/dev/null"
	end $P
	ip netns del red; rm /run/netns/blue; ip netns add blue
	mkdir -p /etc/netns/blue; echo 'nameserver 192.0.2.53' >/etc/netns/blue/resolv.conf
	b exec
	t "strace -e trace=openat,setns,unshare,mount,umount2,execve ip netns exec blue cat /etc/resolv.conf 2>&1 | grep -vE 'ENOENT|ld.so|/lib/|/locale/|cgroup'"
	b exectrace
	t 'nsinspect trace --syscalls -- ip netns exec blue true'
	ip netns exec blue sleep 1000 & E=$!; sleep 0.5
	b execuses
	t 'nsinspect who-uses blue 2>/dev/null'
	t "readlink /proc/self/ns/mnt /proc/$E/ns/mnt"
	t "grep -E ' /sys | /etc/resolv' /proc/$E/mountinfo"
	b nsexec
	t 'nsinspect exec blue -- cat /etc/resolv.conf'
	t 'ip netns exec blue ls /sys/fs/cgroup | wc -l'
	t 'nsinspect exec blue -- ls /sys/fs/cgroup | wc -l'
	unshare -n sleep 1000 & N=$!; sleep 0.3
	t "nsinspect exec $N -- readlink /proc/self/ns/net"
	end $N
	b delinuse
	t 'ip netns del blue; ip netns list'
	t "nsinspect list 2>/dev/null | grep -E 'INODE|[^0-9]$E  '"
	end $E
}

names() {
	unshare -n sleep 1000 & S=$!; sleep 0.3
	b symlink
	t "ln -s /proc/$S/ns/net /run/netns/web"
	t 'ip netns list; ip netns exec web readlink /proc/self/ns/net'
	t "nsinspect list 2>/dev/null | grep -E 'INODE|web'"
	t 'nsinspect who-uses web 2>/dev/null'
	b dangling
	t "kill $S; sleep 0.1; ip netns list; ip netns exec web true"; wait $S 2>/dev/null
	t 'nsinspect who-uses web'
	t 'nsinspect list -o name 2>&1 >/dev/null | grep web'
	rm /run/netns/web
	b over
	t 'touch /run/netns/red'
	t 'unshare -n mount --bind /proc/self/ns/net /run/netns/red; stat -c %i /run/netns/red'
	R1=$(stat -c %i /run/netns/red)
	t 'unshare -n mount --bind /proc/self/ns/net /run/netns/red; stat -c %i /run/netns/red'
	R2=$(stat -c %i /run/netns/red)
	t 'grep netns/red /proc/self/mountinfo'
	b overlist
	t "nsinspect list 2>/dev/null | grep -E 'INODE|$R1|$R2'"
	t "nsinspect who-uses $R1 2>/dev/null"
	t 'umount /run/netns/red; stat -c %i /run/netns/red'
	umount /run/netns/red; rm /run/netns/red
	pin="unshare -m --propagation private sh -c 'unshare -n mount --bind /proc/self/ns/net /run/netns/pinned; exec sleep 1000'"
	b plain
	t 'touch /run/netns/pinned'
	printf '# %s &\n' "$pin" >>"$out"; eval "exec $pin" & P=$!; sleep 0.5
	t 'stat -fc %T /run/netns/pinned; ip netns list'
	t 'nsinspect who-uses pinned'
	b plainin;   t "nsenter --target $P --mount nsinspect who-uses pinned 2>/dev/null"
	b plainfind; t "grep -ls 'net:\\[.*/run/netns/pinned' /proc/[0-9]*/mountinfo"
	b plainrm;   t 'rm /run/netns/pinned'
	             t "grep pinned /proc/$P/mountinfo; echo \$?"
	end $P
}

sandbox() {
	for p in dockerd docker busybox; do command -v $p >/dev/null || return; done
	export DOCKER_HOST=unix:///run/docker.sock
	mkdir -p /run/img/bin; cp "$(command -v busybox)" /run/img/bin/busybox; ln -s busybox /run/img/bin/sleep
	dockerd --host $DOCKER_HOST --data-root /run/docker-data --pidfile /run/docker.pid --log-level error \
		--storage-driver vfs --bridge none --iptables=false --ip6tables=false --ip-forward=false >/run/log 2>&1 & D=$!
	for _ in $(seq 60); do docker version >/dev/null 2>&1 && break; sleep 0.3; done
	tar -C /run/img -c . | docker import - busybox >/dev/null
	docker run --detach --name web --network none busybox sleep 1000 >/dev/null
	K=$(docker inspect --format '{{.NetworkSettings.SandboxKey}}' web); C=$(docker inspect --format '{{.State.Pid}}' web)
	b docker
	t "docker inspect --format '{{.NetworkSettings.SandboxKey}} {{.State.Pid}}' web"
	t "stat -Lc %i $K /proc/$C/ns/net"
	t 'grep docker/netns /proc/self/mountinfo'
	t 'ip netns list'
	docker run --detach --name side --network container:web busybox sleep 2000 >/dev/null
	b dockeruses
	t "nsinspect list 2>/dev/null | grep -E 'INODE|${K##*/}'"
	t "nsinspect who-uses $K 2>/dev/null"
	docker rm -f side web >/dev/null
	b dockergone
	t "stat -fc %T $K; nsinspect who-uses ${K##*/} 2>&1 | head -n 1"
	kill $D; wait $D 2>/dev/null
}

identity_and_proc; file_and_setns; children; ip_netns; names; sandbox
awk '
	{ print }
	/^<!-- [a-z]+ -->$/ {
		f = "/run/out/" $2
		if ((getline line < f) > 0) {
			getline; print                       # ```console
			do print line; while ((getline line < f) > 0)
			while ((getline old) > 0 && old != "```") ;
			print "```"
		}
	}' "$page" >/run/page && cat /run/page >"$page"
