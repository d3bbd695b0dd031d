// SPDX-License-Identifier: Apache-2.0

package snapshot

import "github.com/nsinspect/nsinspect/internal/wire"

// The records of which a file has many, for scanner.

// nested reads a value into one of them or a list, if it is known.
func (s *scanner) nested(to any) (read, known bool) {
	switch to := to.(type) {
	case **wire.Owner:
		return pointed(s, to, ownerField), true
	case **wire.Process:
		return pointed(s, to, leaderField), true
	case **wire.Age:
		return pointed(s, to, ageField), true
	case **wire.References:
		return pointed(s, to, referencesField), true
	case **wire.Answer:
		return pointed(s, to, answerField), true
	case **wire.Peer:
		return pointed(s, to, peerField), true
	case **wire.Ref:
		return pointed(s, to, refField), true
	case *[]wire.KeptName:
		return records(s, to, nameField), true
	case *[]wire.Link:
		return records(s, to, linkField), true
	case *held:
		return s.held(to), true
	}
	return false, false
}

func processField(w *wire.KeptProcess, key []byte) any {
	switch string(key) {
	case "pid":
		return &w.PID
	case "owner":
		return &w.Owner
	case "inside":
		return &w.Inside
	}
	return detailsField(&w.Details, key)
}

func leaderField(w *wire.Process, key []byte) any {
	if string(key) == "pid" {
		return &w.PID
	}
	return detailsField(&w.Details, key)
}

func detailsField(w *wire.Details, key []byte) any {
	switch string(key) {
	case "comm":
		return &w.Comm
	case "comm_base64":
		return &w.CommBase64
	case "cmdline":
		return &w.Cmdline
	case "cmdline_base64":
		return &w.CmdlineBase64
	case "uid":
		return &w.UID
	case "started":
		return &w.Started
	case "started_after_boot_ns":
		return &w.AfterBoot
	}
	return nil
}

func ownerField(w *wire.Owner, key []byte) any {
	switch string(key) {
	case "runtime":
		return &w.Runtime
	case "id":
		return &w.ID
	case "name":
		return &w.Name
	case "pod":
		return &w.Pod
	case "unit":
		return &w.Unit
	case "service":
		return &w.Service
	case "guest":
		return &w.Guest
	case "namesake":
		return &w.Namesake
	case "static":
		return &w.Static
	case "authority":
		return &w.Authority
	}
	return nil
}

func keptField(w *kept, key []byte) any {
	switch string(key) {
	case "type":
		return &w.Type
	case "inode":
		return &w.Inode
	case "cookie":
		return &w.Cookie
	case "initial":
		return &w.Initial
	case "userns":
		return &w.UserNS
	case "parent":
		return &w.Parent
	case "owner_uid":
		return &w.OwnerUID
	case "nsid":
		return &w.NSID
	case "names":
		return &w.Names
	case "owner":
		return &w.Owner
	case "threads":
		return &w.Threads
	case "references":
		return &w.References
	case "leader":
		return &w.Leader
	case "age":
		return &w.Age
	case "links":
		return &w.Links
	case "members":
		return &w.Members
	case "holders":
		return &w.Holders
	case "owns":
		return &w.Owns
	case "answer":
		return &w.Answer
	case "listeners":
		return &w.Listeners
	case "local_routes":
		return &w.Local
	}
	return nil
}

// comparedField leaves out what compared does.
func comparedField(w *compared, key []byte) any {
	switch string(key) {
	case "answer", "listeners", "local_routes":
		return nil
	}
	return keptField(&w.kept, key)
}

func nameField(w *wire.KeptName, key []byte) any {
	switch string(key) {
	case "name":
		return &w.Name
	case "name_base64":
		return &w.NameBase64
	case "path":
		return &w.Path
	case "path_base64":
		return &w.PathBase64
	case "kind":
		return &w.Kind
	case "authority":
		return &w.Authority
	}
	return nil
}

func ageField(w *wire.Age, key []byte) any {
	switch string(key) {
	case "since":
		return &w.Since
	case "from":
		return &w.From
	}
	return nil
}

func referencesField(w *wire.References, key []byte) any {
	switch string(key) {
	case "total":
		return &w.Total
	case "explained":
		return &w.Explained
	}
	return nil
}
