package simulated

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestReadmeNamesEveryMagicUser: the table in words and the table in code have the
// same users.
func TestReadmeNamesEveryMagicUser(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(u[0-9]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		named = append(named, row[1])
	}
	slices.Sort(named)
	want := slices.Sorted(maps.Keys(magic))
	if !slices.Equal(named, want) {
		t.Errorf("README.md names %v, the bank knows %v", named, want)
	}
}

// TestNumbersBehindNames: a number makes a magic user another one of its kind;
// whatever is not one is somebody else, who pays.
func TestNumbersBehindNames(t *testing.T) {
	for user, want := range map[string]behaviour{
		"u42":                       {},
		"u980":                      {fails: first, number: 1},
		"u980-3":                    {fails: first, number: 3},
		"u980-0":                    {fails: first, number: 0},
		"u960-2000":                 {decides: approvesLater, number: 2000},
		"u980-":                     {},
		"u980-x":                    {},
		"u980--1":                   {},
		"u9800":                     {},
		"U999":                      {},
		"-1":                        {},
		"u980-99999999999999999999": {},
	} {
		if got := behaviourOf(user); got != want {
			t.Errorf("%s is treated as %+v, want %+v", user, got, want)
		}
	}
}
