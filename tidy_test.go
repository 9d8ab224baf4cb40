package amends_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The rules of the house, as a test: who may import whom, how long a file and a
// function may be, and where certain things must not stand.

const (
	maxFileLines     = 400
	maxFunctionLines = 70
)

// allowed says what of ours each package may import. A package that is not
// listed here may not exist.
var allowed = map[string][]string{
	"protocol":            {},
	"crew":                {},
	"saga":                {},
	"store":               {"protocol"},
	"faults":              {"protocol"},
	"faults/planfile":     {"faults"},
	"worker":              {"protocol", "store", "crew", "faults"},
	"worker/workertest":   {"protocol", "store", "worker"},
	"inventory":           {"protocol", "worker"},
	"payment":             {"protocol", "worker"},
	"payment/simulated":   {"protocol", "store", "payment"},
	"shipping":            {"protocol", "worker"},
	"catalog":             {"protocol", "store", "worker", "inventory"},
	"cart":                {"protocol", "worker"},
	"definitions":         {"saga"},
	"journal":             {"protocol", "saga"},
	"orchestrator":        {"protocol", "saga", "journal", "store", "faults", "orchestrator/actors"},
	"orchestrator/actors": {"crew"},
	"order":               {"protocol", "saga", "journal", "store"},
	"audit":               {"protocol", "saga", "store", "order"},
	"gateway":             {"protocol", "store"},
	"gateway/stdio":       {"protocol", "saga"},
	"conformance":         {"protocol"},
	"examples":            {},
	"examples/go-worker":  {"protocol", "store", "worker"},
	"embedded":            {"protocol", "saga", "store", "faults", "worker", "inventory", "payment", "payment/simulated", "shipping", "cart", "catalog", "definitions", "orchestrator", "order", "gateway"},
	"cmd/amends":          {"protocol", "saga", "faults", "faults/planfile", "audit", "catalog", "definitions", "embedded", "gateway", "gateway/stdio", "conformance"},
	"internal/mutants":    {},
	"chaos":               {},
}

// only says which packages may import a module: each heavy one has one door.
var only = map[string][]string{
	"github.com/asynkron/protoactor-go": {"orchestrator/actors"},
	"github.com/nats-io/nats-server":    {"embedded", "worker/workertest"},
	"github.com/goccy/go-yaml":          {"definitions", "catalog", "conformance", "faults/planfile"},
	"github.com/alecthomas/kong":        {"cmd/amends"},
	"github.com/synadia-io/orbit.go":    {"embedded"},
	"github.com/nats-io/nats.go":        {"store", "journal", "worker", "worker/workertest", "inventory", "payment", "shipping", "cart", "catalog", "orchestrator", "order", "audit", "gateway", "gateway/stdio", "conformance", "examples/go-worker", "embedded", "cmd/amends"},
	"github.com/rs/zerolog":             {"worker", "worker/workertest", "inventory", "payment", "shipping", "cart", "orchestrator", "orchestrator/actors", "order", "gateway", "gateway/stdio", "examples/go-worker", "embedded", "cmd/amends"},
	"github.com/danielgtaylor/huma":     {"gateway"},
	"github.com/prometheus":             {"gateway", "cmd/amends"},
	"golang.org/x/net":                  {"gateway"},
	"golang.org/x/time":                 {"gateway"},
}

// impure is what the pure core must not touch: clocks, the outside world, and
// anything that makes two runs differ.
var impure = []string{"time", "context", "os", "net", "sync", "math/rand", "math/rand/v2", "io", "log", "log/slog", "runtime", "unsafe"}

// source is one Go file of the project.
type source struct {
	path string // from the root
	pkg  string // its folder
	test bool
	file *ast.File
	set  *token.FileSet
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{path, filepath.ToSlash(filepath.Dir(path)), strings.HasSuffix(path, "_test.go"), file, set})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found only %d Go files: the walk is broken", len(all))
	}
	return all
}

func imports(s source) []string {
	var names []string
	for _, spec := range s.file.Imports {
		names = append(names, strings.Trim(spec.Path.Value, `"`))
	}
	return names
}

func TestImportsPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		ours, listed := allowed[s.pkg]
		if !listed && s.pkg != "." {
			t.Errorf("%s: package %s is not in the list of who may import whom", s.path, s.pkg)
		}
		if s.test {
			continue
		}
		for _, name := range imports(s) {
			if inside, ok := strings.CutPrefix(name, "amends/"); ok && !slices.Contains(ours, inside) {
				t.Errorf("%s: %s must not import %s", s.path, s.pkg, name)
			}
		}
	}
}

func TestHeavyModulesHaveOneDoor(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, name := range imports(s) {
			for module, doors := range only {
				if (name == module || strings.HasPrefix(name, module+"/")) && !slices.Contains(doors, s.pkg) {
					t.Errorf("%s: only %v may import %s", s.path, doors, module)
				}
			}
		}
	}
}

func TestTheCoreIsPure(t *testing.T) {
	for _, s := range sources(t) {
		pure := s.pkg == "saga" || s.pkg == "protocol"
		if s.test || !pure {
			continue
		}
		for _, name := range imports(s) {
			if strings.Contains(name, ".") {
				t.Errorf("%s: %s imports the standard library only, not %s", s.path, s.pkg, name)
			}
			if s.pkg == "saga" && slices.Contains(impure, name) {
				t.Errorf("%s: the core must not import %s", s.path, name)
			}
		}
	}
}

// The rules of a participant stand in its ledger, and know neither NATS nor a
// log nor a clock.
func TestLedgersArePure(t *testing.T) {
	for _, s := range sources(t) {
		if filepath.Base(s.path) != "ledger.go" {
			continue
		}
		for _, name := range imports(s) {
			if strings.Contains(name, ".") || slices.Contains(impure, name) {
				t.Errorf("%s: a ledger must not import %s", s.path, name)
			}
		}
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if lines := s.set.Position(s.file.End()).Line; lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", s.path, lines, maxFileLines)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1; lines > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, more than %d", s.path, f.Name.Name, lines, maxFunctionLines)
			}
		}
	}
}

func TestExportedNamesAreExplained(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Name.IsExported() && f.Doc == nil && exportedReceiver(f) {
				t.Errorf("%s: %s has no comment", s.path, f.Name.Name)
			}
		}
	}
}

// exportedReceiver reports whether a function is one, or a method of an exported
// type. Error and Unwrap explain themselves.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	if slices.Contains([]string{"Error", "Unwrap", "String"}, f.Name.Name) {
		return false
	}
	exported := false
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && !exported {
			exported = id.IsExported()
		}
		return !exported
	})
	return exported
}

// Subjects and bucket names are built in protocol, nowhere else. The core cannot
// import it, so a test of its own holds the one address that it makes to protocol
// (TestAddress).
func TestSubjectsStandInOnePlace(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.pkg == "protocol" || s.pkg == "store" || s.path == filepath.Join("saga", "token.go") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			for _, prefix := range []string{`"$KV.`, `"saga.`, `"checkout.`, `"inventory.`, `"payment.`, `"shipping.`, `"cart.`, `"order.`, `"KV_`, `"SAGA_`} {
				if strings.HasPrefix(lit.Value, prefix) {
					t.Errorf("%s: %s belongs into protocol/subjects.go", s.path, lit.Value)
				}
			}
			return true
		})
	}
}

// A test waits for what it needs, not for time to pass.
func TestTestsDoNotSleep(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test || s.pkg == "." {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if ok && call.Sel.Name == "Sleep" {
				t.Errorf("%s: line %d sleeps; wait for a signal instead", s.path, s.set.Position(call.Pos()).Line)
			}
			return true
		})
	}
}
