package inventory

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A digest is a held in one line: when it was reserved, when it expires, whether it
// lapses then (1 or 0), and for each line the SKU, the pieces held and the pieces
// wanted: "1700000000000000 1700000900000000 0 abc123=2+0 xyz789=1+1". It stands in
// a header of the reservation, and is read a million times in a few seconds.

// nothingHeld is the digest of what holds nothing.
const nothingHeld = "-"

var errNoDigest = errors.New("this is no digest of a reservation")

func (h *held) digest() string {
	lapses := 0
	if h.lapses {
		lapses = 1
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d %d %d", h.since, h.expires, lapses)
	for _, line := range h.lines {
		fmt.Fprintf(&text, " %s=%d+%d", line.sku, line.reserved, line.wanted)
	}
	return text.String()
}

// parseDigest reads a digest; nil is nothing held.
func (s *shelf) parseDigest(step, digest string) (*held, error) {
	if digest == nothingHeld {
		return nil, nil
	}
	fields := strings.Fields(digest)
	if len(fields) < 4 {
		return nil, errNoDigest
	}
	h := &held{step: strings.Clone(step), lapses: fields[2] == "1", lines: make([]pieces, len(fields)-3)}
	var errs [2]error
	h.since, errs[0] = strconv.ParseInt(fields[0], 10, 64)
	h.expires, errs[1] = strconv.ParseInt(fields[1], 10, 64)
	for i, field := range fields[3:] {
		sku, numbers, _ := strings.Cut(field, "=")
		reserved, wanted, _ := strings.Cut(numbers, "+")
		var err1, err2 error
		h.lines[i].sku = s.name(sku)
		h.lines[i].reserved, err1 = strconv.ParseInt(reserved, 10, 64)
		h.lines[i].wanted, err2 = strconv.ParseInt(wanted, 10, 64)
		if err1 != nil || err2 != nil || h.lines[i].reserved < 0 || h.lines[i].wanted < 0 {
			return nil, errNoDigest
		}
	}
	return h, errors.Join(errs[:]...)
}
