package amends_test

import (
	"fmt"
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// wishes are what the source documents ask for: how many of each kind.
var wishes = []struct {
	kind     string
	from, to int
}{
	{"S0-%02d", 1, 27}, {"N0-%d", 1, 4}, {"A%d", 1, 11}, {"S1-%02d", 1, 19}, {"S2-%02d", 1, 21},
	{"S3-%02d", 1, 28}, {"S4-%02d", 1, 18}, {"U%d", 1, 8}, {"X%d", 1, 17},
}

var (
	wishRow = regexp.MustCompile(`(?m)^\| ([A-Z]\d*(?:-\d+)?) \| ([^|]+) \| ([^|]*) \| ([^|]*) \|$`)
	aTest   = regexp.MustCompile("`([a-z/.]+)\\.(Test\\w+)`")
)

// docs/seeds.md has a row for every wish, and what a row names is there: its
// files, and its tests by package. A row without a test says why.
func TestEveryWishHasItsRow(t *testing.T) {
	rows := make(map[string][]string)
	for _, row := range wishRow.FindAllStringSubmatch(read(t, "docs/seeds.md"), -1) {
		if rows[row[1]] != nil {
			t.Errorf("%s has two rows", row[1])
		}
		rows[row[1]] = row[2:]
	}
	wanted, known := 0, testsByPackage(t)
	for _, w := range wishes {
		for n := w.from; n <= w.to; n++ {
			id := fmt.Sprintf(w.kind, n)
			wanted++
			if row := rows[id]; row == nil {
				t.Errorf("%s has no row", id)
			} else {
				checkWish(t, known, id, row[1], row[2])
			}
		}
	}
	if len(rows) != wanted {
		t.Errorf("there are %d rows for %d wishes", len(rows), wanted)
	}
}

// checkWish looks for the files and the tests of one row.
func checkWish(t *testing.T, known map[string][]string, id, files, held string) {
	t.Helper()
	for _, m := range inline.FindAllStringSubmatch(files, -1) {
		if _, err := os.Stat(m[1]); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	tests := aTest.FindAllStringSubmatch(held, -1)
	if strings.Trim(inline.ReplaceAllString(held, ""), " ,") == "" && len(tests) == 0 {
		t.Errorf("%s: no test, and no reason for it", id)
	}
	for _, m := range tests {
		if !slices.Contains(known[m[1]], m[2]) {
			t.Errorf("%s: there is no %s in %s", id, m[2], m[1])
		}
	}
}

// testsByPackage are the names of all tests, by folder; those of the root are
// under the name of the module.
func testsByPackage(t *testing.T) map[string][]string {
	t.Helper()
	names := make(map[string][]string)
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test && f.Recv == nil {
				names[s.pkg] = append(names[s.pkg], f.Name.Name)
			}
		}
	}
	names["amends"] = names["."]
	return names
}
