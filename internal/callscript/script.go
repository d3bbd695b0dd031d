// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package callscript

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/nsinspect/nsinspect/pkg/ns"
)

// How the script lies in memory.
const (
	base     = 0x10000000 // where, in the process
	size     = 1 << 20
	textFrom = 0x60000 // texts and rooms, from here on
	farFrom  = 0xf0000 // what nothing touches: farther than the kernel's fault-around, 64 KiB
	stepSize = 72      // op, six arguments, result, where to go on after a result of 0
	argAt    = 8
	resultAt = 56
	thenAt   = 64
)

// What op is instead of a system call's number.
const (
	opLoop = -1 // counts the first argument down, and goes on at then until it is 0
	opCopy = -2 // copies the word at the first argument to the second
)

// Addr is a place in the process's memory.
type Addr uint64

// Step is one call of a script.
type Step struct{ at Addr }

// Arg returns where the argument i of a step is, for what is to be put there by
// an earlier call, as clone3 does with a pidfd.
func (s *Step) Arg(i int) Addr { return s.at + argAt + Addr(8*i) }

// numbers are those of the calls that scripts make by themselves.
type numbers struct{ exit, read, write, readlinkat, socket, getsockopt, close int }

// Script is a list of system calls. Its methods panic where it grows too long.
type Script struct {
	memory  [size]byte
	program []byte
	numbers numbers
	code32  bool // it needs a machine that runs 32-bit code
	step    Addr // the next one
	text    Addr
	far     Addr
	later   []later // what children do
}

type later struct {
	parent *Step
	do     func()
}

// New returns an empty script.
func New() *Script {
	return &Script{program: program64, numbers: native, step: base, text: base + textFrom, far: base + farFrom}
}

// New32 returns an empty script of a 32-bit program, with the call numbers of such.
func New32() *Script {
	s := New()
	s.program, s.numbers, s.code32 = program32, old, true
	return s
}

// Call appends a system call. An argument is an integer, an Addr, a *Step, which
// stands for its result, or a string, which lies in memory ended by a zero.
func (s *Script) Call(number int, args ...any) *Step { return s.add(uint64(number), args) }

func (s *Script) add(op uint64, args []any) *Step {
	step := &Step{s.step + Addr(stepSize*countSteps(args))}
	var words [6]uint64
	for i, arg := range args {
		switch a := arg.(type) {
		case int:
			words[i] = uint64(a)
		case uint64:
			words[i] = a
		case Addr:
			words[i] = uint64(a)
		case string:
			words[i] = uint64(s.Text(a))
		case *Step:
			s.Copy(a.at+resultAt, step.Arg(i))
		default:
			panic(fmt.Sprintf("argument of type %T", arg))
		}
	}
	s.put(op, words[:])
	return step
}

func countSteps(args []any) (n int) {
	for _, a := range args {
		if _, ok := a.(*Step); ok {
			n++
		}
	}
	return n
}

func (s *Script) put(op uint64, words []uint64) {
	if s.step+stepSize > base+textFrom {
		panic("the script is too long")
	}
	s.poke(s.step, op)
	for i, w := range words {
		s.poke(s.step+argAt+Addr(8*i), w)
	}
	s.poke(s.step+resultAt, notReturned)
	s.step += stepSize
}

func (s *Script) poke(at Addr, word uint64) { binary.LittleEndian.PutUint64(s.memory[at-base:], word) }

// Pause appends a wait for Run.Go; Run.Paused waits for it.
func (s *Script) Pause() {
	s.Call(s.numbers.write, 1, ".", 1)
	s.Call(s.numbers.read, 0, s.Room(1), 1)
}

// Stay appends a wait that only a signal ends.
func (s *Script) Stay() { s.Call(unix.SYS_PPOLL, 0, 0, 0, 0, 0) }

// Copy copies a word.
func (s *Script) Copy(from, to Addr) {
	op := int64(opCopy)
	s.put(uint64(op), []uint64{uint64(from), uint64(to)})
}

// CopyResult copies the result of a call.
func (s *Script) CopyResult(call *Step, to Addr) { s.Copy(call.at+resultAt, to) }

// Loop runs what body appends n times. Loops do not nest.
func (s *Script) Loop(n int, body func()) {
	start := s.step
	body()
	op := int64(opLoop)
	s.poke(s.step+thenAt, uint64(start))
	s.put(uint64(op), []uint64{uint64(n)})
}

// Child gives what a fork-like call's child does; then it exits.
func (s *Script) Child(call *Step, body func()) {
	s.later = append(s.later, later{call, body})
}

// Text puts a text, ended by a zero, into memory.
func (s *Script) Text(text string) Addr {
	at := s.Room(len(text) + 1)
	copy(s.memory[at-base:], text)
	return at
}

// Words puts words into memory.
func (s *Script) Words(words ...uint64) Addr {
	at := s.Room(8 * len(words))
	for i, w := range words {
		s.poke(at+Addr(8*i), w)
	}
	return at
}

// FarWords puts words into memory that the process has not touched and does not
// have until it is touched.
func (s *Script) FarWords(words ...uint64) Addr {
	at := s.far
	s.far += Addr(8 * len(words))
	for i, w := range words {
		s.poke(at+Addr(8*i), w)
	}
	return at
}

// Room gives room in memory.
func (s *Script) Room(n int) Addr {
	at := s.text
	s.text += Addr(n+7) &^ 7
	if s.text > base+farFrom-1<<16 {
		panic("the script's texts are too long")
	}
	return at
}

// Look is a look at where the calling thread is.
type Look struct {
	links  [len(linkNames)]Addr
	cookie Addr
}

// linkNames are those of a thread's namespaces, for PID and time of its children,
// as setns and unshare change no other.
var linkNames = [...]string{
	ns.Net: "net", ns.Mnt: "mnt", ns.User: "user", ns.PID: "pid_for_children",
	ns.IPC: "ipc", ns.UTS: "uts", ns.Cgroup: "cgroup", ns.Time: "time_for_children",
}

const linkRoom = 64

// Look appends a look at where the thread is, by the kernel's links in /proc and
// a socket's cookie.
func (s *Script) Look() *Look {
	l := &Look{cookie: s.Room(8)}
	for i, name := range linkNames {
		l.links[i] = s.Room(linkRoom)
		s.Call(s.numbers.readlinkat, unix.AT_FDCWD, "/proc/thread-self/ns/"+name, l.links[i], linkRoom-1)
	}
	const soNetnsCookie = 71 // SO_NETNS_COOKIE, Linux 5.14
	socket := s.Call(s.numbers.socket, unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	s.Call(s.numbers.getsockopt, socket, unix.SOL_SOCKET, soNetnsCookie, l.cookie, s.Words(8))
	s.Call(s.numbers.close, socket)
	return l
}

// finish appends what children do, and ends everybody.
func (s *Script) finish() {
	s.Call(s.numbers.exit, 0) // of the one thread, so that others may go on
	for len(s.later) > 0 {
		next := s.later[0]
		s.later = s.later[1:]
		s.poke(next.parent.at+thenAt, uint64(s.step))
		next.do()
		s.Call(s.numbers.exit, 0)
	}
}
