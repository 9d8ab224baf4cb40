// Package definitions reads sagas as data: YAML files in, checked definitions
// out. The ones that ship with the program are embedded in it.
package definitions

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"amends/saga"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

//go:embed *.yaml
var shipped embed.FS

// Shipped returns the definitions that come with the program, by name.
func Shipped() (map[string]*saga.Definition, error) { return Load(shipped) }

// Load reads all *.yaml and *.yml files of a folder. Two definitions of one name
// are an error. All faults of all files are reported at once, each with its place.
func Load(folder fs.FS) (map[string]*saga.Definition, error) {
	all, err := load(folder, "")
	return all.Definitions, err
}

// Folder is what a folder of definitions holds.
type Folder struct {
	Definitions map[string]*saga.Definition // by name
	Files       map[string]string           // where each stands, by the same name
}

// LoadFolder is Load for a folder on disk, which must not be empty. Files are
// named by their path, as the folder was given.
func LoadFolder(path string) (Folder, error) {
	all, err := load(os.DirFS(path), path)
	if err == nil && len(all.Definitions) == 0 {
		err = fmt.Errorf("%s holds no definitions: put *.yaml or *.yml files there, or leave the folder away", path)
	}
	return all, err
}

// load reads a folder; where says how its files are named.
func load(folder fs.FS, where string) (Folder, error) {
	names, err := fileNames(folder)
	if err != nil {
		return Folder{}, fmt.Errorf("listing definitions: %w", err)
	}
	all := Folder{make(map[string]*saga.Definition, len(names)), make(map[string]string, len(names))}
	var faults []error
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return Folder{}, fmt.Errorf("reading a definition: %w", err)
		}
		file := filepath.Join(where, name)
		def, err := Parse(file, text)
		switch {
		case err != nil:
			faults = append(faults, err)
		case all.Definitions[def.Name] != nil:
			faults = append(faults, fmt.Errorf("%s: there is another definition named %q, in %s", file, def.Name, all.Files[def.Name]))
		default:
			all.Definitions[def.Name], all.Files[def.Name] = def, file
		}
	}
	return all, errors.Join(faults...)
}

func fileNames(folder fs.FS) ([]string, error) {
	var names []string
	for _, pattern := range []string{"*.yaml", "*.yml"} {
		found, err := fs.Glob(folder, pattern)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	return names, nil
}

// Parse reads one definition. The error lists every fault as
// "file:line:column: path problem".
func Parse(file string, text []byte) (*saga.Definition, error) {
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", file, placed(err))
	}
	var doc document
	if err := yaml.UnmarshalWithOptions(text, &doc, yaml.Strict(), yaml.DisallowUnknownField()); err != nil {
		return nil, fmt.Errorf("%s:%w", file, placed(err))
	}
	def := doc.definition()
	var faults []error
	for _, fault := range def.Check() {
		line, column := locate(tree, fault.Path)
		faults = append(faults, fmt.Errorf("%s:%d:%d: %w", file, line, column, fault))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return def, nil
}

// placed puts line and column of a YAML error in front of its message.
func placed(err error) error {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		at := e.GetToken().Position
		return fmt.Errorf("%d:%d: %s", at.Line, at.Column, e.GetMessage())
	}
	return fmt.Errorf("1:1: %w", err)
}

// locate finds the place of a path such as "steps[1].kind"; where the field is
// absent, the place of what should hold it.
func locate(tree *ast.File, at string) (line, column int) {
	for at != "" {
		if p, err := yaml.PathString("$." + at); err == nil {
			if node, err := p.FilterFile(tree); err == nil && node != nil && node.GetToken() != nil {
				return node.GetToken().Position.Line, node.GetToken().Position.Column
			}
		}
		at = parent(at)
	}
	return 1, 1
}

// parent cuts the last part off a path.
func parent(at string) string {
	for i := len(at) - 1; i > 0; i-- {
		if at[i] == '.' || at[i] == '[' {
			return at[:i]
		}
	}
	return ""
}
