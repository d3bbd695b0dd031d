// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/internal/record"
	"github.com/nsinspect/nsinspect/pkg/ns"
)

// readNetFiles takes the open files of /proc/PID/net that are of a namespace that a task
// is in, where no engine has read their namespace. Each namespace has files of its own
// there, and each of these an inode that no other one has while it exists (proc_register,
// fs/proc/generic.c, 5.10 and 6.18): one with the same inode is of the same namespace. Of
// a namespace without a task /proc has no files to compare with. The task in the link's
// text may have moved since.
func (s *scanner) readNetFiles() {
	if len(s.found.NetFiles) == 0 {
		return
	}
	tasks, of := map[uint64]string{}, map[ns.TaskID]uint64{}
	s.found.Records.Each(func(r *record.Record) {
		h := r.Holder()
		switch {
		case r.Type != ns.Net || !h.IsTask():
		case h.TID != 0:
			tasks[r.Inode] = h.PID.String() + "/task/" + h.TID.String()
		default:
			tasks[r.Inode], of[h.PID] = h.PID.String(), r.Inode
		}
	})
	byName := map[string]map[uint64]uint64{}
	for i := range s.found.NetFiles {
		f := &s.found.NetFiles[i]
		if byName[f.Name] == nil {
			byName[f.Name] = s.netFiles(f.Name, tasks)
		}
		if inode, known := byName[f.Name][f.Inode]; known && inode != of[f.PID] {
			s.found.Records.Add(record.Key{Type: ns.Net, Inode: inode}, &f.Holder)
		}
	}
}

// netFiles returns the namespaces that files of one name are of, by the file's inode. Of
// each namespace a task that was in it is given: one that is no more is left out.
func (s *scanner) netFiles(name string, tasks map[uint64]string) map[uint64]uint64 {
	files := map[uint64]uint64{}
	for inode, task := range tasks {
		var st unix.Stat_t
		err := unix.Fstatat(s.host.ProcFD(), task+"/net/"+name, &st, unix.AT_SYMLINK_NOFOLLOW)
		link, linkErr := s.host.Readlink(task + "/ns/net")
		if err == nil && linkErr == nil && link == ns.FormatLink(ns.Net, inode) {
			files[st.Ino] = inode
		}
	}
	return files
}
