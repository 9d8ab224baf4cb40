package protocol

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"strings"
	"testing"
)

// document is PROTOCOL.md.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// constants type-checks one file of the package that imports nothing of weight,
// and returns its exported constants by name.
func constants(t *testing.T, file string) map[string]constant.Value {
	t.Helper()
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]constant.Value)
	// The types of other files are missing here: constants do not need them.
	config := types.Config{Error: func(error) {}, FakeImportC: true, IgnoreFuncBodies: true}
	pkg, _ := config.Check("protocol", files, []*ast.File{parsed}, nil)
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok && c.Exported() {
			found[name] = c.Val()
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no constants", file)
	}
	return found
}

// TestDocumentNamesEverything holds that every subject, stream, bucket, header,
// type, suffix, status and code of the package stands in PROTOCOL.md.
func TestDocumentNamesEverything(t *testing.T) {
	text := document(t)
	files := []string{"subjects.go", "checkout.go", "participants.go", "operator.go", "status.go", "errors.go"}
	for _, file := range files {
		for name, value := range constants(t, file) {
			if !strings.HasPrefix(name, "Suffix") && !mentions(text, constant.StringVal(value)) {
				t.Errorf("PROTOCOL.md does not mention %s, %s", name, value)
			}
		}
	}
	for _, suffix := range []string{SuffixOK, SuffixFailed, SuffixError, SuffixPending} {
		if !strings.Contains(text, "`<Action>"+suffix+"`") {
			t.Errorf("PROTOCOL.md does not mention <Action>%s", suffix)
		}
	}
	id, _ := ParseSagaID("SAGA")
	for _, built := range []string{
		SubjectInbox(id), SubjectTimer(id), SubjectTimerDue(id), SubjectNudge(id), SubjectEvents(id),
		SubjectCallback(id, 7, "TOKEN"), SubjectOrderEvent("ORDER", "EVENT"), DefinitionKey("NAME", "HASH"), StepKey(id, 7),
		IdempotencyKey(id, 7, false), IdempotencyKey(id, 7, true), ReversalKey(id, 7),
	} {
		if pattern := placeholders.Replace(built); !strings.Contains(text, "`"+pattern+"`") {
			t.Errorf("PROTOCOL.md does not mention %s", pattern)
		}
	}
}

// placeholders writes what was built of samples as the document does.
var placeholders = strings.NewReplacer(
	"SAGA", "<saga_id>", "7", "<step>", "TOKEN", "<token>", "ORDER", "<order_id>", "EVENT", "<Event>",
	"NAME", "<name>", "HASH", "<hash>",
)

// mentions tells whether the word stands in the text as a whole word.
func mentions(text, word string) bool {
	return regexp.MustCompile(`(^|[^\w.])` + regexp.QuoteMeta(word) + `(\W|$)`).MatchString(text)
}

// TestDocumentListsTheBounds compares the table of bounds with bounds.go.
func TestDocumentListsTheBounds(t *testing.T) {
	row := regexp.MustCompile(`(?m)^\| ((?:Max|Default)\w+) \| (\d+) \|`)
	documented := make(map[string]string)
	for _, m := range row.FindAllStringSubmatch(document(t), -1) {
		documented[m[1]] = m[2]
	}
	bounds := constants(t, "bounds.go")
	for name, value := range bounds {
		if documented[name] != value.ExactString() {
			t.Errorf("%s is %s, in PROTOCOL.md %q", name, value.ExactString(), documented[name])
		}
	}
	if len(documented) != len(bounds) {
		t.Errorf("PROTOCOL.md lists %d bounds, bounds.go %d", len(documented), len(bounds))
	}
}

// TestDocumentListsTheCodes compares the table of codes with statuses.
func TestDocumentListsTheCodes(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\d{3}) \\|")
	documented := make(map[Code]string)
	for _, m := range row.FindAllStringSubmatch(document(t), -1) {
		documented[Code(m[1])] = m[2]
	}
	for code, status := range statuses {
		if documented[code] != status {
			t.Errorf("%s has status %s, in PROTOCOL.md %q", code, status, documented[code])
		}
	}
	for code := range documented {
		if statuses[code] == "" {
			t.Errorf("PROTOCOL.md lists %s, which is no code", code)
		}
	}
	for name, value := range constants(t, "errors.go") {
		if statuses[Code(constant.StringVal(value))] == "" {
			t.Errorf("%s has no status", name)
		}
	}
}

// TestDocumentChecklistIsNumbered holds that C1 … Cn follow one another.
func TestDocumentChecklistIsNumbered(t *testing.T) {
	var numbers []string
	for _, m := range regexp.MustCompile(`(?m)^- \*\*C(\d+)\*\* `).FindAllStringSubmatch(document(t), -1) {
		numbers = append(numbers, m[1])
	}
	for i, number := range numbers {
		if number != constant.MakeInt64(int64(i+1)).ExactString() {
			t.Errorf("entry %d of the checklist is C%s", i+1, number)
		}
	}
	if len(numbers) < 20 {
		t.Errorf("the checklist has %d entries", len(numbers))
	}
}
