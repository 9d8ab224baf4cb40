package stdio

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
)

// pythonForm appends JSON in the form of Python's json.dumps (S0-21): a blank
// after each comma and colon, and nothing but printable ASCII. Numbers keep their
// digits, since an amount never passes through a float (A8). text must be JSON.
func pythonForm(to, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\r', '\n':
		case ',', ':':
			to = append(to, c, ' ')
		case '"':
			end := endOfString(text, i)
			to = appendString(to, text[i:end])
			i = end - 1
		default:
			to = append(to, c)
		}
	}
	return to
}

// endOfString is the index behind the quote that ends the string at i.
func endOfString(text []byte, i int) int {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(text))
}

var shortEscapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`,
}

func appendString(to, quoted []byte) []byte {
	if isPlain(quoted) {
		return append(to, quoted...)
	}
	var content string
	if err := json.Unmarshal(quoted, &content); err != nil {
		return append(to, quoted...) // no JSON: as it came
	}
	to = append(to, '"')
	for _, r := range content {
		if short, ok := shortEscapes[r]; ok {
			to = append(to, short...)
		} else if ' ' <= r && r <= '~' {
			to = append(to, byte(r))
		} else {
			to = appendEscaped(to, r)
		}
	}
	return append(to, '"')
}

// isPlain tells a string that both languages write in the same way.
func isPlain(quoted []byte) bool {
	return bytes.IndexFunc(quoted, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' }) < 0
}

func appendEscaped(to []byte, r rune) []byte {
	if r > 0xFFFF {
		high, low := utf16.EncodeRune(r)
		return appendEscaped(appendEscaped(to, high), low)
	}
	digits := strconv.FormatInt(int64(r), 16)
	return append(append(to, `\u0000`[:len(`\u0000`)-len(digits)]...), digits...)
}

// with appends one more field to a JSON object.
func with(object []byte, name string, value []byte) []byte {
	end := bytes.LastIndexByte(object, '}')
	out := append(make([]byte, 0, len(object)+len(name)+len(value)+4), object[:end]...)
	if len(bytes.TrimSpace(out)) > 1 {
		out = append(out, ',')
	}
	out = append(append(append(out, '"'), name...), '"', ':')
	return append(append(out, value...), '}')
}
