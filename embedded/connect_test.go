package embedded_test

import (
	"strings"
	"testing"

	"amends/embedded"
)

// What no server could make good is told without asking one, and without the
// password.
func TestAnAccessIsChecked(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for access, want := range map[embedded.Access]string{
		{}:                             "",
		{URL: "127.0.0.1:1"}:           "",
		{URL: "nats://a:1, tls://b:2"}: "",
		{URL: "foo:bar"}:               `invalid port ":bar"`,
		{URL: "nats://ann:secret@a:b"}: `invalid port ":b"`,
		{URL: "a:1", Creds: "nothing"}: "nothing: no such file",
		{Context: "nope"}:              `unknown context "nope"`,
		{Context: "../nope"}:           "the context of the nats command",
	} {
		err := access.Check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%+v: %v, want %q", access, err, want)
		}
	}
}
