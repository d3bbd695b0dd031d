// SPDX-License-Identifier: Apache-2.0

// Package smallbtf extracts from the type information of a kernel (BTF) the few types
// that relocating a BPF program needs.
//
// A kernel describes itself with more than 100,000 types. A program that reads 60
// structures needs these, the types that their members contain, and the numbers of the
// functions that it attaches to. Extract walks over the raw BTF once, decodes 12 bytes
// of each type, and writes what is needed as BTF of its own: tens of kilobytes, which
// any library that applies CO-RE relocations takes for the whole.
//
// # What is kept
//
//   - Every structure, union, enumeration, typedef, integer, float and forward
//     declaration that has a wanted name: all of that name, in their order, since a
//     kernel may have several. A flavor (what follows the last "___" of a name) does not
//     count, as it does not in CO-RE.
//   - Of their members those with a wanted name, those without a name, in which a wanted
//     one may be, and the last one, as an array has no fixed length only there. Offsets,
//     sizes and bit fields are the kernel's.
//   - The types that these members contain, in the same way.
//
// # What is left out
//
//   - What a pointer points to: every pointer is one to void. CO-RE compares a pointer
//     with a pointer and looks no further.
//   - Functions, variables and tags. Of wanted functions and typedefs the kernel's
//     number (type ID) is in Types.ID: attaching a program and calling a function of the
//     kernel take that.
//
// A type has another number in the small BTF than in the kernel. Types.KernelID returns
// the kernel's.
//
// # Without a library
//
// NewIndex walks in the same way and copies nothing; Resolve then finds the fields that a
// list of relocations names where they are. What it does not know, and what depends on which
// of several types of one name is taken, is an error, upon which its caller has a library
// relocate with the small BTF.
//
// # Modules
//
// A module's BTF continues its kernel's: numbers and strings below the kernel's counts
// are the kernel's. Extract of a module keeps wanted types of the module alone, and
// copies what they contain from either.
//
// # What is refused
//
// The input is the kernel's own, and is not trusted to be what is expected: Extract
// returns an error for a version, flag, kind or bit that it does not know, and for an
// offset, number or string out of bounds, a type that contains itself, and more types
// than it has a bound for. Its caller reads the whole BTF with a library then. Kinds are
// known up to BTF_KIND_ENUM64 (include/uapi/linux/btf.h, 6.18): one that a later kernel
// adds has a length that is not known, so that nothing behind it could be found.
package smallbtf
