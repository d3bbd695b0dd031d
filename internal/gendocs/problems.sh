#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Replaces the transcripts of docs/problems.md. As root, at the top of
# the tree:
#
#     internal/gendocs/problems.sh
#
# It works in a mount namespace of its own, with an empty /run and /var/lib, and
# needs go, ip, unshare, lsns, python3, dockerd, docker and a static busybox. For a
# moment the host has a bridge and veths of the example network 198.18.0.0/24.
set -u
if [ "${1-}" != inside ]; then
	exec unshare --mount --propagation private --kill-child --fork bash "$0" inside
fi

page=$PWD/docs/problems.md
awk '$0 ~ / - nsfs /{print $5}' /proc/self/mountinfo | while read -r m; do umount -l "$m"; done
umount -l /run/netns 2>/dev/null
mount -t tmpfs -o mode=755 tmpfs /run || exit 1
mkdir -p /run/bin /run/lock /run/work /run/out /run/netns
CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /run/bin/nsinspect ./cmd/nsinspect || exit 1
awk '/`leak\.go`:$/{f=1} /^```go$/{on=f; next} /^```$/{on=0} on{print > "/run/work/leak.go"}' "$page"
(cd /run/work && CGO_ENABLED=0 go build -o /run/bin/agent leak.go) || exit 1
mount -t tmpfs tmpfs /var/lib || exit 1
mount --bind /run/netns /run/netns && mount --make-shared /run/netns
cd /run/work || exit 1
export PATH=/run/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run

b() { out=/run/out/$1; : >"$out"; }                                # begin a transcript
t() { { printf '# %s\n' "$1"; eval "$1" 2>&1; } >>"$out"; }        # show a command
s() { { printf '# %s\n' "$1"; eval "$1" 2>&1; echo '# echo $?'; eval "$1" >/dev/null 2>&1; echo $?; } >>"$out"; }
end() { kill -9 "$@"; wait "$@" 2>/dev/null; }
D='nsinspect doctor --min-age 0 2>/dev/null'

held() {
	ip netns add blue
	ip link add veth-blue type veth peer name eth0 netns blue
	ip -n blue address add 198.18.9.7/24 dev eth0; ip -n blue link set eth0 up; ip link set veth-blue up
	cat >collector <<-PY
	import ctypes, os, socket, time
	libc = ctypes.CDLL(None)
	home = os.open("/proc/self/ns/net", os.O_RDONLY)
	libc.setns(os.open("/run/netns/blue", os.O_RDONLY), 0x40000000)
	s = socket.socket(); s.bind(("198.18.9.7", 8080)); s.listen()
	libc.setns(home, 0)
	os.closerange(3, s.fileno())
	open("/proc/self/comm", "w").write("collector")
	time.sleep(1000)
	PY
	python3 collector & P=$!; sleep 0.5
	b held
	t 'ip netns del blue; ip netns list'
	t 'ip -brief link show veth-blue'
	t "lsns -t net | grep -vw $(stat -Lc %i /proc/self/ns/net)"
	b heldwho; t 'nsinspect who-uses --dev veth-blue 2>/dev/null'
	b helddoctor; t "$D"
	b heldend
	t "kill $P; sleep 1; ip link show veth-blue"; wait $P 2>/dev/null
}

busy() {
	ip netns add blue
	b busy;    t 'rm /run/netns/blue'
	b busywho; t 'nsinspect who-uses blue 2>/dev/null'
	b busydel; t 'ip netns del blue; ls /run/netns'
}

peer() {
	touch /run/netns/old /run/netns/pinned
	unshare -m --propagation private sh -c 'unshare -n mount --bind /proc/self/ns/net /run/netns/pinned; exec sleep 1000' & P=$!
	sleep 0.5
	b peer;       t 'ip netns list'
	b peerdoctor; t "$D"
	b peerfix
	t "$(nsinspect doctor --min-age 0 -o json 2>/dev/null | jq -r '.findings[] | select(.check == "live-pin").fix[0]')"
	t "$(nsinspect doctor --min-age 0 -o json 2>/dev/null | jq -r '.findings[] | select(.check == "leftover-file").fix[0]')"
	t 'ip netns list'
	umount /run/netns/pinned; end $P; rm /run/netns/pinned
}

containers() {
	export DOCKER_HOST=unix:///run/docker.sock
	mkdir -p /run/img/bin; cp "$(command -v busybox)" /run/img/bin/busybox; ln -s busybox /run/img/bin/sleep
	dockerd --host $DOCKER_HOST --data-root /run/docker-data --pidfile /run/docker.pid --log-level error \
		--storage-driver vfs --bridge none --iptables=false --ip6tables=false --ip-forward=false >/run/log 2>&1 & K=$!
	for _ in $(seq 60); do docker version >/dev/null 2>&1 && break; sleep 0.3; done
	tar -C /run/img -c . | docker import - busybox >/dev/null
	docker network create --driver bridge --subnet 198.18.0.0/24 --opt com.docker.network.bridge.name=br-shop shop >/dev/null
	docker run --detach --name web --network shop busybox sleep 1000 >/dev/null
	docker run --detach --name db --network shop busybox sleep 2000 >/dev/null
	b healthy; s 'nsinspect doctor'
	V=$(nsinspect list -o json 2>/dev/null | jq -r '.namespaces[].links[]? | select(.addrs[]? | startswith("198.18.0.3/")).peer.name')
	b veth;     t 'ip -brief link show master br-shop'
	b vethwho;  t "nsinspect who-uses --dev $V 2>/dev/null | head -n 3"
	b vethip;   t 'nsinspect who-uses --ip 198.18.0.2 2>/dev/null | head -n 1'
	b vethlist; t "nsinspect who-uses docker:web -o json 2>/dev/null | jq -c '.namespace.links[] | {name, addrs, peer}'"
	ip netns add lab
	b all
	t 'ip netns list'
	t 'lsns -t net -o NS,NPROCS,PID,COMMAND'
	b alllist; t 'nsinspect list 2>/dev/null'
	ip netns del lab
	docker rm -f web db >/dev/null; docker network rm shop >/dev/null
	kill $K; wait $K 2>/dev/null
}

goleak() {
	agent & P=$!; sleep 0.5
	b go; t "$D"
	end $P
}

pod() {
	name=cni-7b7e52a1-9a0e-4f0d-8c55-2f6f1f0c8d11 id=4e50b2c0d9f34d1aa4a1f0d3a7c2b9e84e50b2c0d9f34d1aa4a1f0d3a7c2b9e8
	ip netns add $name
	mkdir -p /var/lib/cni/results
	cat >"/var/lib/cni/results/k8s-pod-network-$id-eth0" <<-JSON
	{"kind":"cniCacheV1","containerId":"$id","ifName":"eth0","networkName":"k8s-pod-network","netns":"/var/run/netns/$name",
	 "cniArgs":[["IgnoreUnknown","1"],["K8S_POD_NAMESPACE","shop"],["K8S_POD_NAME","cart-6d4cf56db6-x2x7k"],["K8S_POD_INFRA_CONTAINER_ID","$id"]],
	 "result":{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/var/run/netns/$name"}],"ips":[{"interface":0,"address":"10.244.1.23/24"}]}}
	JSON
	b pod;       t 'ip netns list'
	b podwho;    t "nsinspect list 2>/dev/null | grep -E 'INODE|cni-'"
	             t 'nsinspect who-uses pod:shop/cart-6d4cf56db6-x2x7k 2>/dev/null'
	b poddoctor; t "$D"
	ip netns del $name
}

reused() {
	unshare -n sleep 1000 & P=$!; sleep 0.3
	b reused
	t "ln -s /proc/$P/ns/net /run/netns/web; ip netns exec web ip -brief link"
	end $P
	sleep 3.5
	for _ in $(seq 300); do
		echo $((P - 1)) >/proc/sys/kernel/ns_last_pid; sleep 1000 & Q=$!
		[ $Q = $P ] && break; end $Q
	done
	printf '%s\n' '(that process ends, and another one gets its PID)' >>"$out"
	t 'ip netns exec web ip -brief link | grep -c .'
	t "$D"
	end $Q; rm /run/netns/web
}

held; busy; peer; containers; goleak; pod; reused
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
