package payment_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"amends/protocol"
)

// said is a message and the answer to it, in brief.
type said struct{ subject, body, want string }

func charged(user, want string) said { return said{protocol.SubjectCharge, chargeBy("s", user), want} }
func asked(want string) said {
	return said{protocol.SubjectPaymentQuery, queryOf("s", "2"), "ok " + want}
}
func refunded(want string) said { return said{protocol.SubjectRefund, refundOf("s", "2", ""), want} }

const (
	gatewayError   = "error gateway_error"
	gatewayTimeout = "error gateway_timeout"
)

// magicUsers is what happens to each magic user, attempt by attempt (S0-14, D9,
// D20). README.md has the same in words.
var magicUsers = map[string][]said{
	"u42":  {charged("u42", "ok"), refunded("ok")},
	"u999": {charged("u999", "failed insufficient_funds DECLINED"), asked("known")},
	"u998": {charged("u998", "failed expired_card EXPIRED_CARD")},
	"u997": {charged("u997", "failed suspected_fraud SUSPECTED_FRAUD")},
	"u996": {charged("u996", "failed lost_card LOST_CARD")},
	"u995": {charged("u995", "failed limit_exceeded LIMIT_EXCEEDED")},
	"u994": {charged("u994", "failed do_not_honor DO_NOT_HONOR")},

	"u980":   {charged("u980", gatewayError), asked("none"), charged("u980", "ok")},
	"u980-2": {charged("u980-2", gatewayError), charged("u980-2", gatewayError), charged("u980-2", "ok")},
	"u981":   {charged("u981", gatewayError), charged("u981", gatewayError), asked("none"), refunded("ok")},

	// The money is taken, and nobody says so: whoever asks learns it.
	"u970":     {charged("u970", gatewayTimeout), asked("known"), charged("u970", "ok"), refunded("ok")},
	"u970 (2)": {charged("u970", gatewayTimeout), charged("u970", "ok")},
	"u971":     {charged("u971", gatewayTimeout), asked("none"), charged("u971", "ok")},
	"u971-2":   {charged("u971-2", gatewayTimeout), charged("u971-2", gatewayTimeout), charged("u971-2", "ok")},
	"u972":     {charged("u972", gatewayTimeout), charged("u972", gatewayTimeout), asked("none"), refunded("ok")},

	"u960": {charged("u960", "error in_progress"), asked("pending")},
	"u961": {charged("u961", "error in_progress"), asked("pending")},
	"u962": {charged("u962", "error in_progress"), asked("pending"), refunded("ok"), charged("u962", "failed compensated")},

	"u950": {charged("u950", "ok"), refunded(gatewayError), refunded("ok")},
	"u951": {charged("u951", "ok"), refunded("failed refund_refused REFUND_REFUSED")},

	"u940": {
		{protocol.SubjectAuthorize, authorizeBy("s", "u940"), "ok"},
		{protocol.SubjectCapture, captureOf("s", "4", ""), "failed authorization_expired AUTHORIZATION_EXPIRED"},
		{protocol.SubjectVoid, voidOf("s"), "ok"},
	},
	"u940-60000": {
		{protocol.SubjectAuthorize, authorizeBy("s", "u940-60000"), "ok"},
		{protocol.SubjectCapture, captureOf("s", "4", ""), "ok"},
	},
}

func TestMagicUsers(t *testing.T) {
	for user, sayings := range magicUsers {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, nil)
			for _, say := range sayings {
				if got := brief(s.try(say.subject, say.body)); got != say.want {
					t.Errorf("%s: got %q, want %q", say.body, got, say.want)
				}
			}
		})
	}
}

// TestEveryMagicUserHasATest: README.md promises nothing that is not held.
func TestEveryMagicUserHasATest(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(u[0-9]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		if magicUsers[row[1]] == nil {
			t.Errorf("%s has no test", row[1])
		}
	}
}

// TestEveryDeclineIsListed: the table of README.md has every reason for which a
// command is declined, with its code for people (D20).
func TestEveryDeclineIsListed(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| `([A-Z_]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, "failed "+row[1]+" "+row[2])
	}
	source, err := os.ReadFile("ledger.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range regexp.MustCompile(`Reason\w+ += "([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		if want := "failed " + reason[1] + " " + strings.ToUpper(reason[1]); !slices.Contains(listed, want) {
			t.Errorf("%s is not in the table", want)
		}
	}
	for _, sayings := range magicUsers {
		for _, say := range sayings {
			if strings.HasPrefix(say.want, "failed") && !strings.HasSuffix(say.want, "compensated") && !slices.Contains(listed, say.want) {
				t.Errorf("%s is not in the table", say.want)
			}
		}
	}
}
