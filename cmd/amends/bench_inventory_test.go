package main

import (
	"encoding/json"
	"testing"
)

// A flash sale is measured with one replica and with two; what there is of a
// product is sold, and no more (D16, I3).
func TestBenchInventory(t *testing.T) {
	out, code := amends(t, "bench", "inventory", "-c", "16", "-n", "400", "--skus", "10", "--runs", "1", "--json")
	var result benchInventoryResult
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != int(exitOK) || len(result.Sales) != 2 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	for n, s := range result.Sales {
		if s.Replicas != n+1 || s.Hot.Accepted != 380 || s.Hot.Declined != 20 || s.Spread.Accepted != 380 || s.Spread.Declined != 20 {
			t.Errorf("sold %+v", s)
		}
		if s.Oversold != 0 || !s.AuditOK || s.Hot.PerSecond <= 0 || s.Ratio <= 0 {
			t.Errorf("measured %+v", s)
		}
	}
}
