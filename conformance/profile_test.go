package conformance_test

import (
	"strings"
	"testing"

	"amends/conformance"
)

const loyalty = `
service: loyalty
action:
  type: GrantPoints
  subject: loyalty.grant
  accept: '{"user_id": "u42", "points": 250}'
  differ: '{"points": 251}'
compensation:
  type: RevokePoints
  subject: loyalty.revoke
`

// A service of one's own needs ten lines.
func TestAProfileIsShort(t *testing.T) {
	if _, err := conformance.Read("loyalty.yaml", []byte(loyalty)); err != nil {
		t.Error(err)
	}
}

func TestTheProfilesOfThePackageAreGood(t *testing.T) {
	if names := conformance.Names(); len(names) < 3 {
		t.Errorf("there are %v", names)
	}
	for _, name := range conformance.Names() {
		profile(t, name)
	}
	if _, err := conformance.Known("loyalty"); err == nil || !strings.Contains(err.Error(), "inventory, payment") {
		t.Errorf("got %v", err)
	}
}

// A fault in a profile is told with what to do.
func TestFaultsOfProfiles(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown field", "service:", "servise:", `unknown field "servise"`},
		{"no service", "service: loyalty\n", "", "service is required"},
		{"no subject", "subject: loyalty.grant", "subject: ''", "action.subject must be a subject"},
		{"a pattern", "subject: loyalty.revoke", "subject: loyalty.*", "compensation.subject must be a subject"},
		{"no sample", `  accept: '{"user_id": "u42", "points": 250}'` + "\n", "", "action.accept is required"},
		{"nothing else", `  differ: '{"points": 251}'` + "\n", "", "action.differ is required"},
		{"a sample that is no JSON", `'{"points": 251}'`, `'points: 251'`, "write '{\"name\": value}'"},
		{"a step too far", "service: loyalty", "service: loyalty\nstep: 65", "step must be from 1 to 64"},
		{"a list of nothing", "  differ:", "  per_line: grants\n  differ:", "action.per_line needs action.lines"},
		{"no duration", "compensation:", "callback:\n  patience: soon\ncompensation:", "soon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(loyalty, c.old, c.new, 1)
			if text == loyalty {
				t.Fatalf("%q is not in the profile", c.old)
			}
			_, err := conformance.Read("loyalty.yaml", []byte(text))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "loyalty.yaml") {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}
