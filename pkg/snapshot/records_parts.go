// SPDX-License-Identifier: Apache-2.0

package snapshot

import "github.com/nsinspect/nsinspect/internal/wire"

func answerField(w *wire.Answer, key []byte) any {
	switch string(key) {
	case "verdict":
		return &w.Verdict
	case "fix":
		return &w.Fix
	case "advice":
		return &w.Advice
	}
	return nil
}

func linkField(w *wire.Link, key []byte) any {
	switch string(key) {
	case "name":
		return &w.Name
	case "name_base64":
		return &w.NameBase64
	case "altnames":
		return &w.AltNames
	case "altnames_base64":
		return &w.AltNamesBase64
	case "index":
		return &w.Index
	case "kind":
		return &w.Kind
	case "mac":
		return &w.MAC
	case "up":
		return &w.Up
	case "addrs":
		return &w.Addrs
	case "peer":
		return &w.Peer
	}
	return nil
}

func peerField(w *wire.Peer, key []byte) any {
	switch string(key) {
	case "index":
		return &w.Index
	case "name":
		return &w.Name
	case "name_base64":
		return &w.NameBase64
	case "namespace":
		return &w.Namespace
	}
	return nil
}

func refField(w *wire.Ref, key []byte) any {
	switch string(key) {
	case "type":
		return &w.Type
	case "inode":
		return &w.Inode
	case "cookie":
		return &w.Cookie
	case "initial":
		return &w.Initial
	case "name":
		return &w.Name
	case "name_base64":
		return &w.NameBase64
	}
	return nil
}

func holderField(w *wire.KeptHolder, key []byte) any {
	switch string(key) {
	case "kind":
		return &w.Kind
	case "pid":
		return &w.PID
	case "tid":
		return &w.TID
	case "fd":
		return &w.FD
	case "owner":
		return &w.Owner
	case "via":
		return &w.Via
	case "family":
		return &w.Family
	case "type":
		return &w.Type
	case "state":
		return &w.State
	case "peer":
		return &w.Peer
	case "device":
		return &w.Device
	case "device_base64":
		return &w.DeviceBase64
	case "namespace":
		return &w.Namespace
	case "references":
		return &w.References
	case "path":
		return &w.Path
	case "path_base64":
		return &w.PathBase64
	case "mountns":
		return &w.MountNS
	case "mount_id":
		return &w.MountID
	case "seen_by_pid":
		return &w.SeenByPID
	case "seen_by_tid":
		return &w.SeenByTID
	case "covered":
		return &w.Covered
	case "authority":
		return &w.Authority
	case "pin":
		return &w.Pin
	case "apart":
		return &w.Apart
	}
	return detailsField(&w.Details, key)
}

func findingField(w *wire.KeptFinding, key []byte) any {
	switch string(key) {
	case "id":
		return &w.ID
	case "check":
		return &w.Check
	case "severity":
		return &w.Severity
	case "title":
		return &w.Title
	case "on":
		return &w.On
	case "subject":
		return &w.Subject
	case "owner":
		return &w.Owner
	case "pid":
		return &w.PID
	case "path":
		return &w.Path
	case "path_base64":
		return &w.PathBase64
	case "summary":
		return &w.Summary
	case "evidence":
		return &w.Evidence
	case "meaning":
		return &w.Meaning
	case "fix":
		return &w.Fix
	case "alternative":
		return &w.Alternative
	case "advice":
		return &w.Advice
	case "since":
		return &w.Since
	case "undated":
		return &w.Undated
	case "authority":
		return &w.Authority
	}
	return nil
}
