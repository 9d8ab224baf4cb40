package amends_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the documents name is there.

var (
	heading    = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inline     = regexp.MustCompile("`([^`\n]+)`")
	fileName   = regexp.MustCompile(`^(?:\.?[\w-]+/)*\.?[\w.-]+\.(?:go|md|ya?ml|conf|json|jsonl|mod)$|^(?:[\w-]+/)+(?:[\w-]+)?$`)
	makeTarget = regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)")
	ourCommand = regexp.MustCompile("(?:^|[`/( ])amends ((?:[a-z]+ )?[a-z]+)((?: [^`\n]*)?)")
	flagName   = regexp.MustCompile(`(?:^| )(--[a-z-]+|-[a-z])\b`)
)

func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	for _, path := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(prose(t, path), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			to := path
			if target != "" {
				to = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: there is no %s", path, m[1])
			} else if anchor != "" && !slices.Contains(anchors(t, to), anchor) {
				t.Errorf("%s: %s has no heading #%s", path, to, anchor)
			}
		}
	}
}

// anchors are the names under which the headings of a page can be linked to.
func anchors(t *testing.T, path string) (names []string) {
	t.Helper()
	dropped := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, m := range heading.FindAllStringSubmatch(read(t, path), -1) {
		names = append(names, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return names
}

// Files that the documents name are in the repository, or the document makes
// them itself. A name without a folder may be in any.
func TestDocumentsNameFilesThatAreThere(t *testing.T) {
	names := make(map[string]bool)
	must(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		names[filepath.Base(path)] = true
		return err
	}))
	for _, path := range ours(t) {
		var blocks strings.Builder
		for _, f := range fences(t, path) {
			blocks.WriteString(f.file + "\n" + f.text)
		}
		for _, name := range inlines(t, path) {
			if !fileName.MatchString(name) || strings.Contains(blocks.String(), name) {
				continue
			}
			if !names[name] && !isThere(name) && !isThere(filepath.Join(filepath.Dir(path), name)) {
				t.Errorf("%s: there is no %s", path, name)
			}
		}
	}
}

func TestDocumentsNameTargetsThatAreThere(t *testing.T) {
	makefile := "\n" + read(t, "Makefile")
	for _, path := range ours(t) {
		for _, m := range makeTarget.FindAllStringSubmatch(read(t, path), -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: there is no make target %s", path, m[1])
			}
		}
	}
}

// Commands and flags of amends that the documents name are those that it knows.
func TestDocumentsNameCommandsThatAreThere(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "amends")
	build(t, binary, "./cmd/amends")
	help := func(args ...string) string {
		out, err := exec.Command(binary, append(args, "--help")...).CombinedOutput()
		if err != nil {
			t.Fatalf("amends %s --help: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	all := help()
	commands := regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)?)  +[A-Z]`).FindAllStringSubmatch(all, -1)
	helps := make(map[string]string)
	for _, c := range commands {
		helps[c[1]] = help(strings.Fields(c[1])...)
	}
	for _, path := range ours(t) {
		for _, line := range commandLines(t, path) {
			for _, m := range ourCommand.FindAllStringSubmatch(line, -1) {
				text, known := helps[m[1]]
				if !known {
					m[1], _, _ = strings.Cut(m[1], " ")
					text, known = helps[m[1]]
				}
				known = known || strings.Contains(all, "\n  "+m[1]+" ") // a group of commands
				if !known {
					t.Errorf("%s: amends has no command %q", path, m[1])
				}
				for _, flag := range flagName.FindAllStringSubmatch(m[2], -1) {
					if !strings.Contains(text, flag[1]) {
						t.Errorf("%s: amends %s has no flag %s", path, m[1], flag[1])
					}
				}
			}
		}
	}
}

// The pictures of ARCHITECTURE.md are those of the code: who imports whom, and
// the table of the saga machine.
func TestArchitectureShowsTheCode(t *testing.T) {
	page := read(t, "ARCHITECTURE.md")
	shown := make(map[string][]string)
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\| ([^|]*) \\|$").FindAllStringSubmatch(page, -1) {
		var imported []string
		for _, m := range inline.FindAllStringSubmatch(row[2], -1) {
			imported = append(imported, m[1])
		}
		for _, m := range inline.FindAllStringSubmatch(row[1], -1) {
			shown[m[1]] = imported
		}
	}
	for pkg, imported := range allowed {
		if got, ok := shown[pkg]; !ok || !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(imported))) {
			t.Errorf("ARCHITECTURE.md says that %s imports %v, tidy_test.go says %v", pkg, got, imported)
		}
	}
	_, comment, _ := strings.Cut(read(t, "saga/next.go"), "//\n//\t")
	table, _, _ := strings.Cut(comment, "\n//\n// After the pivot")
	if table = strings.ReplaceAll(strings.ReplaceAll(table, "//\t", ""), "\n//\n", "\n\n"); !strings.Contains(page, table) {
		t.Errorf("ARCHITECTURE.md does not have the table of saga.Next:\n%s", table)
	}
}

// Programs of others that a reader is told to run are in the module graph.
func TestDocumentsNameProgramsThatAreThere(t *testing.T) {
	program := regexp.MustCompile(`go run ([a-z]+\.[^ ` + "`" + `]+)`)
	for _, path := range ours(t) {
		for _, m := range program.FindAllStringSubmatch(read(t, path), -1) {
			if out, err := exec.Command("go", "list", "-deps", m[1]).CombinedOutput(); err != nil {
				t.Errorf("%s: %s cannot be run: %v\n%s", path, m[1], err, out)
			}
		}
	}
}

// Every decision stands in the index, with its title and its status.
func TestDecisionsAreIndexed(t *testing.T) {
	index := read(t, "docs/adr/README.md")
	for _, path := range glob(t, "docs/adr/0*.md") {
		title, _, _ := strings.Cut(strings.TrimPrefix(read(t, path), "# "), "\n")
		number, name, _ := strings.Cut(title, ". ")
		row := "| [" + number + "](" + filepath.Base(path) + ") | " + name + " |"
		if !strings.HasPrefix(filepath.Base(path), number+"-") || !strings.Contains(index, row) {
			t.Errorf("docs/adr/README.md has no row %s", row)
		}
	}
}

// commandLines are the texts of a document that a reader may type.
func commandLines(t *testing.T, path string) []string {
	t.Helper()
	lines := inlines(t, path)
	for _, f := range fences(t, path) {
		if f.lang == "sh" && f.file == "" {
			lines = append(lines, strings.FieldsFunc(f.text, func(r rune) bool { return strings.ContainsRune("\n;&|()", r) })...)
		}
	}
	return lines
}

// inlines are the texts of a document that stand in backticks, outside blocks.
func inlines(t *testing.T, path string) (texts []string) {
	t.Helper()
	for _, m := range inline.FindAllStringSubmatch(prose(t, path), -1) {
		texts = append(texts, m[1])
	}
	return texts
}

// prose is a document without its blocks.
func prose(t *testing.T, path string) string {
	t.Helper()
	var text strings.Builder
	inBlock := false
	for line := range strings.Lines(read(t, path)) {
		if strings.HasPrefix(line, "```") {
			inBlock = !inBlock
		} else if !inBlock {
			text.WriteString(line)
		}
	}
	return text.String()
}

// documents are all pages of the repository.
func documents(t *testing.T) []string {
	t.Helper()
	return glob(t, "*.md", "*/*.md", "docs/*/*.md", "examples/*/*.md")
}

// ours are the pages about this repository itself: not the protocol, which is
// also for other implementations.
func ours(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(documents(t), func(path string) bool { return filepath.Dir(path) == "protocol" })
}

func glob(t *testing.T, patterns ...string) (all []string) {
	t.Helper()
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		must(t, err)
		if len(found) == 0 {
			t.Errorf("there is no %s", pattern)
		}
		all = append(all, found...)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
