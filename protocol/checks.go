package protocol

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// firstOf returns the first error. All checks run, since each is cheap and
// bounded; the sender learns of the first field at fault.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkType(got string, accepted ...string) error {
	if slices.Contains(accepted, got) {
		return nil
	}
	return &Error{Code: CodeUnknownType, Field: "type", Message: "must be " + listing(accepted) + " here"}
}

// listing is "a, b or c".
func listing(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func checkUser(id string) error {
	return firstOf(CheckID("user_id", id), checkNoCard("user_id", id))
}

func checkAddress(field, address string) error {
	return firstOf(checkText(field, address, MaxAddressBytes), checkNoCard(field, address))
}

// checkLines checks the lines of an order (S0-06, S0-07).
func checkLines(lines []Line) error {
	switch {
	case len(lines) == 0:
		return missing("items")
	case len(lines) > MaxLines:
		return tooMany("items", MaxLines)
	}
	for i, line := range lines {
		err := firstOf(
			CheckID("sku", line.SKU),
			checkFirst(lines[:i], line.SKU),
			checkRange("quantity", line.Quantity, 1, MaxQuantity),
		)
		if err != nil {
			return within("items", i, err)
		}
	}
	return nil
}

// checkFirst refuses a sku of an earlier line: two lines of one sku may be a
// mistake as well as a wish, and adding them up would hide the mistake.
func checkFirst(earlier []Line, sku string) error {
	for i := range earlier {
		if earlier[i].SKU == sku {
			return invalid("sku", "stands in an earlier line already; send one line per sku")
		}
	}
	return nil
}

// checkText checks a required text for people or of foreign making.
func checkText(field, content string, limit int) error {
	switch {
	case strings.TrimSpace(content) == "":
		return missing(field)
	case len(content) > limit:
		return tooLong(field, limit)
	case !utf8.ValidString(content):
		return invalid(field, "must be valid UTF-8")
	case strings.ContainsFunc(content, unicode.IsControl):
		return invalid(field, "must not hold control characters, such as line breaks")
	}
	return nil
}

func checkRange(field string, n, least, most int64) error {
	if least <= n && n <= most {
		return nil
	}
	return invalid(field, "must be from "+strconv.FormatInt(least, 10)+" to "+strconv.FormatInt(most, 10))
}

// within puts the path of an element of a list before the field of its error.
func within(list string, i int, err error) error {
	e := *AsError(err)
	e.Field = list + "[" + strconv.Itoa(i) + "]." + e.Field
	return &e
}

func tooLong(field string, limit int) error {
	return &Error{Code: CodeTooLarge, Field: field, Message: "is longer than " + strconv.Itoa(limit) + " bytes"}
}

func tooMany(field string, limit int) error {
	return &Error{Code: CodeTooLarge, Field: field, Message: "has more than " + strconv.Itoa(limit) + " entries"}
}
