package gateway_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var rewrite = flag.Bool("rewrite", false, "write the document down anew")

const golden = "testdata/openapi.yaml"

// The document is the contract: a change of it is seen, and decided. To write it
// down anew: go test ./gateway -run Document -rewrite.
func TestTheDocumentIsAsItWas(t *testing.T) {
	d := newStage(t).gateway()
	a := d.get("/openapi.yaml").is(200, nil)
	if media := a.header.Get("Content-Type"); media != "application/openapi+yaml" {
		t.Errorf("is %s", media)
	}
	if *rewrite {
		if err := os.WriteFile(golden, a.body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(a.body) {
		t.Errorf("the document is another one:\n%s", difference(string(want), string(a.body)))
	}
}

// difference is the first place where two texts differ.
func difference(before, now string) string {
	old, lines := strings.Split(before, "\n"), strings.Split(now, "\n")
	for n := range min(len(old), len(lines)) {
		if old[n] != lines[n] {
			return "line " + lines[n] + "\nwas  " + old[n]
		}
	}
	return "one is longer"
}

// Both forms say the same, every operation has what a reader needs, and every
// reference leads somewhere.
func TestTheDocumentIsWhole(t *testing.T) {
	d := newStage(t).gateway()
	var fromJSON, fromYAML map[string]any
	d.get("/openapi.json").is(200, &fromJSON)
	if err := yaml.Unmarshal(d.get("/openapi.yaml").body, &fromYAML); err != nil {
		t.Fatal(err)
	}
	if fromJSON["openapi"] != "3.1.0" || fromYAML["openapi"] != "3.1.0" {
		t.Errorf("versions %v and %v", fromJSON["openapi"], fromYAML["openapi"])
	}
	paths, schemas := fromJSON["paths"].(map[string]any), fromJSON["components"].(map[string]any)["schemas"].(map[string]any)
	if len(paths) != len(fromYAML["paths"].(map[string]any)) {
		t.Error("one form has more paths")
	}
	ids := make(map[string]bool)
	for path, item := range paths {
		for method, o := range item.(map[string]any) {
			op := o.(map[string]any)
			id, _ := op["operationId"].(string)
			if ids[id] || id == "" || op["summary"] == "" || op["description"] == nil || len(op["tags"].([]any)) != 1 {
				t.Errorf("%s %s is not whole", method, path)
			}
			ids[id] = true
		}
	}
	for _, ref := range regexp.MustCompile(`#/components/schemas/(\w+)`).FindAllStringSubmatch(string(d.get("/openapi.json").body), -1) {
		if schemas[ref[1]] == nil {
			t.Errorf("there is no schema %s", ref[1])
		}
	}
	if schemas["ErrorModel"] != nil || schemas["ErrorDetail"] != nil {
		t.Error("the errors of the library are in the document")
	}
}

// S3-03: the page is read without a network: nothing on it is fetched from
// elsewhere, and nothing runs. It has every operation and every code.
func TestThePageIsReadOffline(t *testing.T) {
	d := newStage(t).gateway()
	a := d.get("/documentation").is(200, nil)
	html := string(a.body)
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		target, here := strings.CutPrefix(m[1], "#")
		switch {
		case here && !strings.Contains(html, `id="`+target+`"`):
			t.Errorf("%s leads nowhere", m[1])
		case !here && !strings.HasPrefix(m[1], "/"):
			t.Errorf("%s is elsewhere", m[1])
		case !here:
			d.get(m[1]).is(200, nil)
		}
	}
	for _, no := range []string{"<script", "http://", "https://", "style=", "onclick"} {
		if strings.Contains(html, no) {
			t.Errorf("the page has %s", no)
		}
	}
	var spec struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	d.get("/openapi.json").is(200, &spec)
	for path, item := range spec.Paths {
		for _, op := range item {
			if !strings.Contains(html, `id="`+op.OperationID+`"`) || !strings.Contains(html, "<code>"+path+"</code>") {
				t.Errorf("the page has no %s", op.OperationID)
			}
		}
	}
	for _, code := range []string{"saga_id_conflict", "rate_limited", "unavailable", "revision_changed"} {
		if !strings.Contains(html, `<tr id="`+code+`">`) {
			t.Errorf("the page does not explain %s", code)
		}
	}
	if css := d.get("/documentation/style.css").is(200, nil); css.header.Get("Content-Type") != "text/css; charset=utf-8" || strings.Contains(string(css.body), "url(") {
		t.Error("the style sheet is none of ours")
	}
}
