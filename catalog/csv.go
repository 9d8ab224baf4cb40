package catalog

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// csv reads a table with a heading, separated by commas. An empty cell is absent.
func (r *reading) csv() {
	table := csv.NewReader(bytes.NewReader(r.data))
	table.FieldsPerRecord, table.TrimLeadingSpace, table.Comment = -1, true, '#'
	heading, ok := r.heading(table)
	for ok {
		record, err := table.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			r.csvFault(err)
			continue
		}
		r.csvRow(table, heading, record)
	}
}

// heading reads the names of the columns, which may stand in any order.
func (r *reading) heading(table *csv.Reader) (names []string, ok bool) {
	names, err := table.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, false
	case err != nil:
		r.csvFault(err)
		return nil, false
	}
	seen := make(map[string]bool)
	for i, name := range names {
		line, _ := table.FieldPos(i)
		names[i] = strings.TrimSpace(name)
		switch {
		case !isField(names[i]):
			r.fault(line, names[i], "is no column of products: they are sku, name, price, currency and on_hand, separated by commas")
		case seen[names[i]]:
			r.fault(line, names[i], "stands in the heading twice")
		}
		seen[names[i]] = true
	}
	for _, name := range []string{fieldSKU, fieldPrice, fieldCurrency} {
		if !seen[name] {
			line, _ := table.FieldPos(0)
			r.fault(line, name, "is missing in the heading")
		}
	}
	return names, len(r.faults) == 0
}

func (r *reading) csvRow(table *csv.Reader, heading, record []string) {
	line, _ := table.FieldPos(0)
	if len(record) != len(heading) {
		r.fault(line, "", fmt.Sprintf("has %d columns, the heading %d", len(record), len(heading)))
		return
	}
	to := row{line: line, cells: make(map[string]cell)}
	for i, value := range record {
		if value = strings.TrimSpace(value); value != "" {
			at, _ := table.FieldPos(i)
			r.set(&to, heading[i], cell{at, value})
		}
	}
	r.rows = append(r.rows, to)
}

func (r *reading) csvFault(err error) {
	line := 1
	if e, ok := errors.AsType[*csv.ParseError](err); ok {
		line, err = e.Line, e.Err
	}
	r.fault(line, "", fmt.Sprintf("is not CSV: %v", err))
}
