// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"errors"
	"path"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

const (
	// maxConfigBytes bounds a TOML file; the parser bounds how deep its values nest.
	maxConfigBytes = 256 << 10
	// maxConfigFiles bounds the files of one configuration.
	maxConfigFiles = 256
)

var (
	errUserConfig     = errors.New("a configuration file that another user than root can change")
	errTooManyConfigs = errors.New("the configuration has too many files")
)

// readTOML decodes a configuration file of root's into v, a pointer to a struct,
// and reports whether it was read.
func (r *reader) readTOML(name string, v any) bool {
	t, err := r.host.OpenTree(path.Dir(name))
	if err != nil {
		r.gap(name, err)
		return false
	}
	defer t.Close()
	text, authority, err := t.ReadFile(path.Base(name), maxConfigBytes)
	switch {
	case err != nil:
	case !authority.Trusted:
		err = errUserConfig
	default:
		err = toml.Unmarshal(text, v)
	}
	if err != nil {
		r.gap(name, err)
	}
	return err == nil
}

// configPath returns a path from a configuration file, or old if the file does not
// set it or needs the daemon's environment to expand it.
func configPath(value, old string) string {
	if absolute(value) && !strings.Contains(value, "$") {
		return value
	}
	return old
}

// glob returns the paths of the host that match a pattern of path.Match, sorted
// within each directory, at most maxConfigFiles of them.
func (r *reader) glob(pattern string) []string {
	if _, err := path.Match(pattern, ""); err != nil {
		r.gap(pattern, err)
		return nil
	}
	dirs := []string{path.Dir(pattern)}
	if isPattern(dirs[0]) {
		dirs = r.glob(dirs[0])
	}
	var found []string
	for _, dir := range dirs {
		t, err := r.host.OpenTree(dir)
		if err != nil {
			r.gap(dir, err)
			continue
		}
		names := r.list(t, ".", func(name string) bool {
			ok, err := path.Match(path.Base(pattern), name)
			return ok && err == nil
		})
		t.Close()
		for _, name := range names {
			if len(found) == maxConfigFiles {
				r.gap(pattern, errTooManyConfigs)
				return found
			}
			found = append(found, path.Join(dir, name))
		}
	}
	return found
}

func isPattern(name string) bool { return strings.ContainsAny(name, `*?[\`) }

// containerdState returns the state directory that a configuration of containerd
// sets, "" if it sets none. The files that it imports are read as containerd reads
// them (cmd/containerd/server/config, LoadConfig, 2.1): each once, those of one
// level before those that they import, and a later file overrides an earlier one.
func (r *reader) containerdState(name string) string {
	state, loaded := "", map[string]bool{}
	for pending := []string{path.Clean(name)}; len(pending) > 0; {
		name, pending = pending[0], pending[1:]
		if loaded[name] {
			continue
		}
		if len(loaded) == maxConfigFiles {
			r.gap(name, errTooManyConfigs)
			break
		}
		loaded[name] = true
		var config struct {
			State   string   `toml:"state"`
			Imports []string `toml:"imports"`
		}
		if r.readTOML(name, &config) {
			state = configPath(config.State, state)
			pending = append(pending, r.imports(name, config.Imports)...)
		}
	}
	return state
}

// imports returns the files that a configuration of containerd imports. Relative
// paths start at the directory of the importing file.
func (r *reader) imports(from string, imports []string) []string {
	var files []string
	for _, name := range imports {
		if !path.IsAbs(name) {
			name = path.Join(path.Dir(from), name)
		}
		name = path.Clean(name)
		switch {
		case !absolute(name):
		case strings.Contains(name, "*"):
			files = append(files, r.glob(name)...)
		default:
			files = append(files, name)
		}
		if len(files) > maxConfigFiles { // containerdState reports it
			break
		}
	}
	return files
}

// storageConfig overrides a storage by what a storage.conf sets.
func (r *reader) storageConfig(name string, s storage) storage {
	var config struct {
		Storage struct {
			Graph string `toml:"graphroot"`
			Run   string `toml:"runroot"`
		} `toml:"storage"`
	}
	if r.readTOML(name, &config) {
		s.graph, s.run = configPath(config.Storage.Graph, s.graph), configPath(config.Storage.Run, s.run)
	}
	return s
}

// crioConfig overrides a storage by what a configuration of CRI-O sets: its file,
// and then the files of its directory of drop-ins by name
// (pkg/config, UpdateFromFile and UpdateFromPath, 1.30).
func (r *reader) crioConfig(file, dropIns string, s storage) storage {
	for _, name := range append([]string{file}, r.glob(path.Join(dropIns, "*"))...) {
		var config struct {
			Crio struct {
				Graph string `toml:"root"`
				Run   string `toml:"runroot"`
			} `toml:"crio"`
		}
		if r.readTOML(name, &config) {
			s.graph, s.run = configPath(config.Crio.Graph, s.graph), configPath(config.Crio.Run, s.run)
		}
	}
	return s
}
