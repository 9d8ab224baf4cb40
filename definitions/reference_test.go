package definitions_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"amends/definitions"
)

func reference(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "definitions.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The reference of the definition file leaves no field out.
func TestReferenceNamesEveryField(t *testing.T) {
	source, err := os.ReadFile("document.go")
	if err != nil {
		t.Fatal(err)
	}
	fields := regexp.MustCompile(`yaml:"(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(fields) < 30 {
		t.Fatalf("found only %d fields in document.go", len(fields))
	}
	page := reference(t)
	for _, field := range fields {
		if !regexp.MustCompile("`(\\w+\\.)*" + field[1] + "`").MatchString(page) {
			t.Errorf("docs/definitions.md does not name the field %s", field[1])
		}
	}
}

func TestExampleOfReferenceIsADefinition(t *testing.T) {
	example := regexp.MustCompile("(?s)```yaml own/hold-and-pay.yaml\n(.*?)```").FindStringSubmatch(reference(t))
	if example == nil {
		t.Fatal("docs/definitions.md has no example")
	}
	def, err := definitions.Parse("hold-and-pay.yaml", []byte(example[1]))
	if err != nil {
		t.Fatal(err)
	}
	if def.Name != "hold-and-pay" || len(def.Steps) != 2 {
		t.Errorf("got %s of %d steps", def.Name, len(def.Steps))
	}
}
