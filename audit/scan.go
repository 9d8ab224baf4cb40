package audit

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Most of the time of an audit is decoding, and most of what is stored it need not
// decode. What follows walks over JSON that is valid. Whoever meets anything
// unusual gives up, and decodes as everybody does: this decides nothing.

// members calls see for each member of an object, with its value as it stands. ok
// is false if this is no object, or see says so.
func members(object []byte, see func(name, value []byte) bool) (ok bool) {
	return elements(object, '{', '}', func(i int) (int, bool) {
		end, ok := quoted(object, i)
		if !ok || end >= len(object) || object[end] != ':' {
			return 0, false
		}
		last, ok := value(object, end+1)
		return last, ok && see(object[i+1:end-1], object[end+1:last])
	})
}

// items calls see for each item of a list.
func items(list []byte, see func(item []byte) bool) (ok bool) {
	return elements(list, '[', ']', func(i int) (int, bool) {
		end, ok := value(list, i)
		return end, ok && see(list[i:end])
	})
}

// elements walks from comma to comma. one returns where the element ends that
// begins at i.
func elements(b []byte, first, last byte, one func(i int) (end int, ok bool)) bool {
	if len(b) < 2 || b[0] != first || b[len(b)-1] != last {
		return false
	}
	if len(b) == 2 {
		return true
	}
	for i := 1; ; {
		end, ok := one(i)
		if !ok || end >= len(b) {
			return false
		}
		switch {
		case b[end] == ',':
			i = end + 1
		case b[end] == last:
			return end == len(b)-1
		default:
			return false
		}
	}
}

// value is where the value ends that begins at i.
func value(b []byte, i int) (end int, ok bool) {
	if i >= len(b) {
		return 0, false
	}
	switch b[i] {
	case '"':
		return quoted(b, i)
	case '{', '[':
		return nested(b, i)
	}
	for end = i; end < len(b); end++ {
		switch b[end] {
		case ',', '}', ']':
			return end, end > i
		case ' ', '\t', '\n', '\r', '"', '{', '[', ':':
			return 0, false
		}
	}
	return end, end > i
}

// nested is where an object or a list ends.
func nested(b []byte, i int) (end int, ok bool) {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i, ok = quoted(b, i); !ok {
				return 0, false
			}
			i--
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return 0, false
}

// quoted is where a text ends.
func quoted(b []byte, i int) (end int, ok bool) {
	if i >= len(b) || b[i] != '"' {
		return 0, false
	}
	for from := i + 1; ; {
		n := bytes.IndexByte(b[from:], '"')
		if n < 0 {
			return 0, false
		}
		end = from + n
		slashes := 0
		for b[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1, true
		}
		from = end + 1
	}
}

// text reads a text without escapes.
func text(value []byte) (plain []byte, ok bool) {
	n := len(value)
	if n < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, false
	}
	return value[1 : n-1], true
}

func setText[T ~string](to *T, value []byte) bool {
	plain, ok := text(value)
	*to = T(plain)
	return ok
}

func setInt[T ~int | ~int64](to *T, value []byte) bool {
	n, err := strconv.ParseInt(string(value), 10, 64)
	*to = T(n)
	return err == nil
}

func setRaw(to *map[string]json.RawMessage, object []byte) bool {
	*to = make(map[string]json.RawMessage, 4)
	return members(object, func(name, value []byte) bool {
		(*to)[string(name)] = value
		return bytes.IndexByte(name, '\\') < 0
	})
}
