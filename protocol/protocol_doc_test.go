package protocol

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"slices"
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
	for _, file := range []string{"subjects.go", "checkout.go", "participants.go", "status.go", "errors.go"} {
		for name, value := range constants(t, file) {
			if !strings.HasPrefix(name, "Suffix") && !mentions(text, constant.StringVal(value)) {
				t.Errorf("PROTOCOL.md does not mention %s, %s", name, value)
			}
		}
	}
	for _, suffix := range []string{SuffixOK, SuffixFailed, SuffixError} {
		if !strings.Contains(text, "`<Action>"+suffix+"`") {
			t.Errorf("PROTOCOL.md does not mention <Action>%s", suffix)
		}
	}
	id, _ := ParseSagaID("SAGA")
	do, undo := IdempotencyKey(id, 7, false), IdempotencyKey(id, 7, true)
	for _, built := range []string{SubjectEvents(id), SubjectInboxStart(id), StepKey(id, 7), do, undo} {
		pattern := strings.NewReplacer("SAGA", "<saga_id>", "7", "<step>").Replace(built)
		if !strings.Contains(text, "`"+pattern+"`") {
			t.Errorf("PROTOCOL.md does not mention %s", pattern)
		}
	}
}

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

// TestDocumentExamplesAreTaken decodes and checks every example of a request or
// a command, and reads every reply.
func TestDocumentExamplesAreTaken(t *testing.T) {
	commands := map[string]func() interface{ Validate() error }{
		TypeCheckout:           func() interface{ Validate() error } { return new(StartRequest) },
		TypeReserveInventory:   func() interface{ Validate() error } { return new(ReserveInventory) },
		TypeReleaseReservation: func() interface{ Validate() error } { return new(ReleaseReservation) },
		TypeChargePayment:      func() interface{ Validate() error } { return new(ChargePayment) },
		TypeRefundPayment:      func() interface{ Validate() error } { return new(RefundPayment) },
		TypeCreateShipment:     func() interface{ Validate() error } { return new(CreateShipment) },
		TypeCancelShipment:     func() interface{ Validate() error } { return new(CancelShipment) },
	}
	var read []string
	for _, m := range regexp.MustCompile(`(?m)^\{"type":.*\}$`).FindAllString(document(t), -1) {
		var head Reply
		if _, err := Decode([]byte(m), &head); err != nil {
			t.Errorf("%s: %v", m, err)
		}
		read = append(read, head.Type)
		if make := commands[head.Type]; make != nil {
			message := make()
			if unknown, err := Decode([]byte(m), message); err != nil || len(unknown) > 0 || message.Validate() != nil {
				t.Errorf("%s: unknown fields %q, errors %v and %v", m, unknown, err, message.Validate())
			}
			continue
		}
		action, _, _ := strings.Cut(head.Type, "_")
		if _, isCommand := commands[action]; isCommand && action != TypeCheckout {
			id, _ := ParseSagaID(head.SagaID)
			if _, err := ParseReply(action, id, head.Step, []byte(m)); err != nil {
				t.Errorf("%s: %v", m, err)
			}
		}
	}
	for name := range commands {
		if !slices.Contains(read, name) {
			t.Errorf("PROTOCOL.md has no example of %s", name)
		}
	}
}
