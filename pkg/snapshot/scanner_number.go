// SPDX-License-Identifier: Apache-2.0

package snapshot

// integer reads a number for which there is room.
func integer[T ~int | ~int32](s *scanner, to *T) bool {
	n, ok := s.number(true)
	*to = T(n)
	return ok && int64(*to) == n
}

// number reads an integer of up to 18 digits.
func (s *scanner) number(signed bool) (n int64, ok bool) {
	minus := signed && s.take('-')
	begin := s.at
	for ; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int64(c-'0')
	}
	digits := s.at - begin
	if digits == 0 || digits > 18 || digits > 1 && s.text[begin] == '0' {
		return 0, false
	}
	if minus {
		n = -n
	}
	return n, true
}
