// SPDX-License-Identifier: Apache-2.0

// Gendocs writes docs/usage.md: it makes a small scene of namespaces, runs the
// real program on it and puts what it printed into a template.
//
// It needs root, and the go command to build the program. All that it makes
// is in a mount namespace of its own and in processes that end with it, so
// the machine is as before when it ends, however it ends.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// roleEnv has the role of a copy of this program.
const roleEnv = "NSINSPECT_GENDOCS"

func init() {
	// Children end with the thread that started them, and namespaces are
	// changed for one thread: all of that happens on the first one.
	runtime.LockOSThread()
}

func main() {
	var err error
	switch os.Getenv(roleEnv) {
	case "scene":
		err = playScene()
	case "agent":
		err = playAgent()
	default:
		err = generate()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

// generate writes the page. It is written only if everything went well.
func generate() error {
	out := flag.String("o", "", "write the page to `FILE` (docs/usage.md of this module if none is given)")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if os.Geteuid() != 0 {
		return errors.New("making namespaces needs root")
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if *out == "" {
		*out = filepath.Join(root, "docs", "usage.md")
	}
	page, err := stage(root)
	if err != nil {
		return err
	}
	if err := os.WriteFile(*out, page, 0o644); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// stage plays the scene in a mount namespace of its own, from which no mount
// gets out (the Go runtime makes "/" private with CLONE_NEWNS).
func stage(root string) ([]byte, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"gendocs"}
	cmd.Dir = root
	cmd.Env = append(os.Environ(), roleEnv+"=scene")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	var page bytes.Buffer
	cmd.Stdout, cmd.Stderr = &page, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("play the scene: %w", err)
	}
	return page.Bytes(), nil
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	mod := string(bytes.TrimSpace(out))
	if filepath.Base(mod) != "go.mod" {
		return "", errors.New("run it inside the module")
	}
	return filepath.Dir(mod), nil
}
