package gateway

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"amends/protocol"
)

// Every code of the protocol stands in the table once, under the status that
// services give it on NATS. A new code without a row would be told as internal.
func TestTheTableHasEveryCode(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../protocol/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[protocol.Code]int)
	for _, k := range kinds {
		rows[k.code]++
		if k.title == "" || k.status < 400 || (k.status == 503 || k.status == 429) != (k.retry > 0) {
			t.Errorf("%+v is not whole", k)
		}
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") || len(spec.Values) == 0 {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		code := protocol.Code(text)
		if rows[code] != 1 {
			t.Errorf("%s stands %d times in the table", code, rows[code])
		}
		if over := (&protocol.Error{Code: code}).Status(); over != strconv.Itoa(kindOf(code).status) {
			t.Errorf("%s is %s on NATS and %d here", code, over, kindOf(code).status)
		}
		return true
	})
	if found < 18 {
		t.Errorf("found only %d codes: the search is broken", found)
	}
}
