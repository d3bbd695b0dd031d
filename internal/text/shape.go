// SPDX-License-Identifier: Apache-2.0

package text

// Shape returns a name with * for what numbers it: a UUID, a hash in hexadecimal digits,
// a number. Names of one shape were given by one program.
func Shape(name string) string { return string(AppendShape(nil, name)) }

// AppendShape adds the shape of a name to some bytes.
func AppendShape(to []byte, name string) []byte {
	for i := 0; i < len(name); {
		end := i
		for end < len(name) && isWord(name[end]) {
			end++
		}
		switch {
		case end == i:
			to = append(to, name[i])
			end++
		case end-i == 8 && isUUID(name[i:]):
			to = append(to, '*')
			end = i + uuidLen
		case end-i >= 6 && isHash(name[i:end]):
			to = append(to, '*')
		default:
			to = appendStarred(to, name[i:end])
		}
		i = end
	}
	return to
}

const uuidLen = len("6ba7b810-9dad-11d1-80b4-00c04fd430c8")

func isUUID(s string) bool {
	if len(s) < uuidLen || len(s) > uuidLen && isWord(s[uuidLen]) {
		return false
	}
	for i := range uuidLen {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

// isHash reports whether a word has only hexadecimal digits, one of them from 0 to 9.
func isHash(word string) bool {
	digit := false
	for i := range len(word) {
		if !isHex(word[i]) {
			return false
		}
		digit = digit || isDigit(word[i])
	}
	return digit
}

// appendStarred adds a word with * for each number in it.
func appendStarred(to []byte, word string) []byte {
	for i := range len(word) {
		switch {
		case !isDigit(word[i]):
			to = append(to, word[i])
		case i == 0 || !isDigit(word[i-1]):
			to = append(to, '*')
		}
	}
	return to
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' }

// isWord reports whether a byte is of a word: a letter or digit, or of a character
// outside ASCII.
func isWord(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
