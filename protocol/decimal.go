package protocol

import "fmt"

// Decimal is a decimal number as it stands in JSON, digit by digit: it never
// passes through a float (D1, A8). The zero value is absent.
type Decimal string

// MarshalJSON writes the number with the digits it has; the zero value becomes
// null, or nothing at all under omitempty. It fails for a text that is no JSON
// number.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if d == "" {
		return []byte("null"), nil
	}
	if !isNumber([]byte(d)) {
		return nil, fmt.Errorf("writing a decimal: %q is no JSON number", string(d))
	}
	return []byte(d), nil
}

// UnmarshalJSON takes a JSON number and keeps its digits; null counts as
// absent. A number in quotes and anything else is an *Error with code
// invalid_field.
func (d *Decimal) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	if !isNumber(data) {
		return invalid("", "must be a number without quotes, such as 249.99")
	}
	*d = Decimal(data)
	return nil
}

// isNumber tells whether text is exactly one JSON number.
func isNumber(text []byte) bool {
	return numberEnd(text, 0) == len(text)
}

// numberEnd returns where the JSON number that begins at i ends, or -1 when
// none begins there.
func numberEnd(text []byte, i int) int {
	if i < len(text) && text[i] == '-' {
		i++
	}
	if i < len(text) && text[i] == '0' {
		i++ // no digits may follow a leading zero
	} else if i = digitsEnd(text, i); i < 0 {
		return -1
	}
	if i < len(text) && text[i] == '.' {
		if i = digitsEnd(text, i+1); i < 0 {
			return -1
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		return digitsEnd(text, i)
	}
	return i
}

// digitsEnd returns where the digits that begin at i end, or -1 when there are
// none.
func digitsEnd(text []byte, i int) int {
	start := i
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
