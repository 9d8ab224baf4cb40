package catalog

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFileBytes bounds a product file: a row for each of some 500,000 products.
const maxFileBytes = 64 << 20

// readers read the rows of a file, by the extension of its name.
var readers = map[string]func(*reading){
	".yaml": (*reading).yaml, ".yml": (*reading).yaml, ".json": (*reading).json, ".csv": (*reading).csv,
}

// reading is a file that is being read.
type reading struct {
	file   string // its name without folders
	data   []byte
	rows   []row
	faults Faults
}

// row is what stands in one row of a file, whatever its form.
type row struct {
	line  int
	cells map[string]cell
}

// cell is one value of a row, as it is written.
type cell struct {
	line int
	text string
}

// Parse reads the products of a file; the extension of its name tells its form. A
// row has sku, price and currency, and may have name and on_hand. Errors are
// Faults: all there are, so that nobody has to mend a file line by line.
func Parse(name string, data []byte) ([]Product, error) {
	r := &reading{file: filepath.Base(name), data: bytes.TrimPrefix(data, []byte("\ufeff"))}
	read, known := readers[strings.ToLower(filepath.Ext(name))]
	switch {
	case !known:
		r.fault(1, "", "is of no form that is known: its name must end in .yaml, .yml, .json or .csv")
	case len(data) > maxFileBytes:
		r.fault(1, "", fmt.Sprintf("is larger than %d MiB; import it in parts", maxFileBytes>>20))
	case !utf8.Valid(r.data):
		r.fault(r.lineAt(invalidAt(r.data)), "", "is not UTF-8")
	default:
		read(r)
	}
	products := r.products()
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
		return nil, r.faults
	}
	return products, nil
}

func (r *reading) fault(line int, field, problem string) {
	r.faults = append(r.faults, Fault{File: r.file, Line: max(line, 1), Field: field, Problem: problem})
}

// lineAt is the line of a byte of the file.
func (r *reading) lineAt(offset int) int {
	return 1 + bytes.Count(r.data[:min(max(offset, 0), len(r.data))], []byte("\n"))
}

// invalidAt is where the first bytes stand that are not UTF-8.
func invalidAt(data []byte) int {
	for at := 0; at < len(data); {
		c, size := utf8.DecodeRune(data[at:])
		if c == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return len(data)
}

// set puts a value into a row. A name that stands there already is a fault: which
// of the two would count?
func (r *reading) set(to *row, name string, c cell) {
	if _, twice := to.cells[name]; twice {
		r.fault(c.line, name, "stands in this row already")
		return
	}
	to.cells[name] = c
}
