// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"

	"golang.org/x/sys/unix"
)

//go:embed usage.md.tmpl
var pageTemplate string

// look finds what the page has to show: the scene's namespaces of every type
// and the host's, not what else there is on the machine.
func (s *scene) look() error {
	for _, cmd := range append([]int{os.Getpid()}, s.pids()...) {
		links, err := filepath.Glob(procPath(cmd, "/ns/*"))
		if err != nil {
			return err
		}
		for _, link := range links {
			if inode, err := inodeOf(link); err == nil { // a task may have no pid_for_children
				s.keep[inode] = true
			}
		}
	}
	out, _, err := s.shell(0, "nsinspect list --type all -o json 2>/dev/null")
	if err != nil {
		return err
	}
	var snap struct {
		Complete   bool
		Namespaces []struct {
			Inode   uint64
			Initial bool
		}
	}
	if err := json.Unmarshal([]byte(out), &snap); err != nil {
		return fmt.Errorf("read the program's JSON: %w", err)
	}
	s.Complete = snap.Complete
	for _, n := range snap.Namespaces {
		if n.Initial {
			s.keep[n.Inode] = true
		}
		if !s.keep[n.Inode] {
			s.Dropped++
		}
	}
	return nil
}

func (s *scene) pids() []int {
	var pids []int
	for _, cmd := range s.crew {
		pids = append(pids, cmd.Process.Pid)
	}
	return pids
}

// page fills the template.
func (s *scene) page() ([]byte, error) {
	funcs := template.FuncMap{
		"run":  func(format string, args ...any) (string, error) { return s.transcript("# ", 0, format, args...) },
		"user": func(format string, args ...any) (string, error) { return s.transcript("$ ", stranger, format, args...) },
	}
	t, err := template.New("usage.md").Funcs(funcs).Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	var page bytes.Buffer
	if err := t.Execute(&page, s); err != nil {
		return nil, fmt.Errorf("fill template: %w", err)
	}
	return page.Bytes(), nil
}

// transcript runs a command line and shows it as on a terminal, with the exit
// status if that is not 0.
func (s *scene) transcript(prompt string, uid int, format string, args ...any) (string, error) {
	line := fmt.Sprintf(format, args...)
	if strings.Contains(line, "%!") {
		return "", fmt.Errorf("command %q has the wrong arguments", line)
	}
	out, status, err := s.shell(uid, line)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(line, "nsinspect list") {
		out = only(out, s.keep)
	}
	text := prompt + line + "\n" + out
	if status != 0 {
		text += fmt.Sprintf("%secho $?\n%d\n", prompt, status)
	}
	return "```console\n" + text + "```", nil
}

// shell runs a command line as a user, its two outputs in one.
func (s *scene) shell(uid int, line string) (out string, status int, err error) {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + scenePath, "LANG=C.UTF-8", "TZ=" + os.Getenv("TZ")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if uid != 0 {
		id := uint32(uid)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: id, Gid: id}
	}
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		err = nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("run %q: %w", line, err)
	}
	return string(text), cmd.ProcessState.ExitCode(), nil
}
