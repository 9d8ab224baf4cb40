package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"amends/catalog"
	"amends/protocol"
)

// file makes a product file.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The price list is looked after from the command line, and counts for the next
// checkout (A2).
func TestCatalog(t *testing.T) {
	app := system(t)
	more := file(t, "more.csv", "sku,name,price,currency,on_hand\nabc123,Desk lamp,95.00,USD,7\nlamp2,Floor lamp,120.00,USD,3\n")
	for _, c := range []struct {
		args string
		code exitCode
		out  string
	}{
		{"catalog list", exitOK, "  100.00  USD       Desk lamp\n"},
		{"catalog import --dry-run " + more, exitOK, "added    lamp2   120.00 USD, Floor lamp\nchanged  abc123  95.00 USD, Desk lamp (was 100.00 USD, Desk lamp)\n1 added, 1 changed, 0 removed, 0 unchanged; this was a dry run: nothing is written\n"},
		{"catalog list", exitOK, "  100.00  USD       Desk lamp\n"},
		{"catalog import " + more, exitOK, "1 added, 1 changed, 0 removed, 0 unchanged; stock: 1 given, 1 kept\n"},
		{"catalog import " + more, exitOK, "0 added, 0 changed, 0 removed, 2 unchanged; stock: 0 given, 2 kept\n"},
		{"catalog import --prune " + more, exitOK, "  49.99 USD, Light bulb\n"},
		{"catalog list", exitOK, "SKU     PRICE   CURRENCY  NAME\nabc123  95.00   USD       Desk lamp\nlamp2   120.00  USD       Floor lamp\n"},
		{"catalog import " + file(t, "bad.yaml", "- {sku: a, price: free}\n"), exitRefused, ""},
		{"catalog import nowhere.csv", exitUsage, ""},
		{"catalog import --nats nats://127.0.0.1:1 " + more, exitNoNATS, ""},
		{"checkout start c1 --item lamp2=3", exitOK, "COMPLETED"},
	} {
		out, code := amends(t, strings.Fields(c.args)...)
		if code != int(c.code) || !strings.Contains(out, c.out) {
			t.Errorf("%s\nexit code %d, want %d; printed\n%s\nwant\n%s", c.args, code, c.code, out, c.out)
		}
	}
	nc, err := app.Conn(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	m, err := nc.Request(protocol.SubjectPayment, []byte(`{"saga_id":"c1","step":2}`), demoTimeout)
	if err != nil || !strings.Contains(string(m.Data), `"amount":360.00`) {
		t.Errorf("paid %v, %v", m, err)
	}
}

// What goes to stdout with --json is JSON, and a list can be imported.
func TestCatalogAsJSON(t *testing.T) {
	system(t)
	var list catalog.List
	text, code := amends(t, "catalog", "list", "--json")
	if err := json.Unmarshal([]byte(text), &list); err != nil || code != int(exitOK) || list.Type != catalog.TypeCatalog {
		t.Fatalf("exit code %d, %v: %s", code, err, text)
	}
	var report catalog.Report
	text, code = amends(t, "catalog", "import", "--json", file(t, "list.json", text))
	if err := json.Unmarshal([]byte(text), &report); err != nil || code != int(exitOK) || report.Unchanged != len(list.Products) {
		t.Errorf("exit code %d, %v: %s", code, err, text)
	}
}
