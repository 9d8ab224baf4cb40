// Package catalog keeps the price list: it reads product files and brings the
// bucket CATALOG in line with them.
//
// file.go says what a product file is, and yaml.go, json.go and csv.go read the
// three forms of one; row.go checks each row. bucket.go reads and writes the price
// list, and import.go decides what is to be written.
package catalog

import (
	"fmt"
	"strings"

	"amends/protocol"
)

// Product is one row of a product file.
type Product struct {
	protocol.Product
	OnHand *int64 // pieces to begin with; nil if the file does not say
}

// Fault is one thing that is wrong with a product file.
type Fault struct {
	File    string
	Line    int    // from 1
	Field   string // "" if it is the row or the file as a whole
	Problem string
}

func (f Fault) Error() string {
	field := f.Field
	if field != "" {
		field += " "
	}
	return fmt.Sprintf("%s:%d: %s%s", f.File, f.Line, field, f.Problem)
}

// Faults are all that is wrong with a product file, in the order of its lines.
type Faults []Fault

// Error lists them, one in a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}
