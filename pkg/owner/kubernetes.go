// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"strings"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// findPodLogs reads the names of what the kubelet logs of: /var/log/pods has a
// directory "NAMESPACE_NAME_UID" for each pod, /var/log/containers a symlink
// "POD_NAMESPACE_CONTAINER-ID.log" for each container, whichever the runtime.
func findPodLogs(r *reader) {
	static := map[string]bool{} // pods that have such a UID, and no other
	if t := r.open("/var/log/pods", ns.RootAuthority); t != nil && t.Authority().Trusted {
		defer t.Close()
		for _, name := range r.list(t, ".", nil) {
			if pod, uid, ok := parsePodDir(name); ok {
				r.mu.Lock()
				was, known := static[pod]
				static[pod] = isStatic(uid) && (was || !known)
				r.pods[uid] = pod
				r.mu.Unlock()
			}
		}
	}
	if t := r.open("/var/log/containers", ns.RootAuthority); t != nil && t.Authority().Trusted {
		defer t.Close()
		for _, name := range r.list(t, ".", nil) {
			if c, ok := parseContainerLog(name); ok {
				c.Authority, c.Static = t.Authority(), static[c.Pod]
				r.mu.Lock()
				r.claims = append(r.claims, claim{Container: c, log: true})
				r.mu.Unlock()
			}
		}
	}
}

// isStatic reports whether a UID is that of a static pod, which the kubelet has from a file or
// URL: a hash of it in hexadecimal digits, MD5 in Kubernetes 1.10 (applyDefaults in
// pkg/kubelet/config/common.go), where the API server makes a UUID. To delete what the API server
// shows of it ends nothing.
func isStatic(uid string) bool { return uid != "" && strings.Trim(uid, "0123456789abcdef") == "" }

// parsePodDir reads "NAMESPACE_NAME_UID", in which no part has an underscore.
func parsePodDir(name string) (pod, uid string, ok bool) {
	f := strings.Split(name, "_")
	if len(f) != 3 || f[0] == "" || f[1] == "" || f[2] == "" {
		return "", "", false
	}
	return f[0] + "/" + f[1], f[2], true
}

// parseContainerLog reads "POD_NAMESPACE_CONTAINER-ID.log".
func parseContainerLog(name string) (Container, bool) {
	name, ok := strings.CutSuffix(name, ".log")
	f := strings.Split(name, "_")
	if !ok || len(f) != 3 {
		return Container{}, false
	}
	dash := strings.LastIndexByte(f[2], '-')
	if dash <= 0 || f[0] == "" || f[1] == "" || !isID(f[2][dash+1:]) {
		return Container{}, false
	}
	return Container{Owner: Owner{Runtime: "kubernetes", ID: f[2][dash+1:], Name: f[2][:dash], Pod: f[1] + "/" + f[0]}}, true
}
