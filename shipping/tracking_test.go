package shipping

import (
	"errors"
	"regexp"
	"testing"

	"amends/protocol"
)

// TestCheckDigit holds the algorithm against numbers that the carrier publishes:
// those on its sample labels, and those of its test environment, most of which
// have a check digit that does not fit.
func TestCheckDigit(t *testing.T) {
	for number, fits := range map[string]bool{
		"1Z999AA10123456784": true,
		"1Z5R89390357567127": true,
		"1Z879E930346834440": true,
		"1Z410E7W0392751591": true,
		"1Z8V92A70367203024": true,
		"1ZXX3150YW44070023": true,
		"1Z12345E6605272234": true,
		"1Z648616E192760718": true,
		"1Z12345E0205271688": false,
		"1Z12345E0305271640": false,
		"1Z12345E1305277940": false,
		"1Z12345E6205277936": false,
		"1Z12345E1505270452": false,
		"1Z9999999999999999": false,
	} {
		if got := checkTracking(number) == nil; got != fits {
			t.Errorf("%s: fits %v, want %v", number, got, fits)
		}
	}
}

// TestMistypedDigitsAreNoticed: all but 0 for 5, 1 for 6 and so on where digits
// count twice.
func TestMistypedDigitsAreNoticed(t *testing.T) {
	good := trackingNumber("checkout42-3")
	for i := 2; i < len(good); i++ {
		for c := byte('0'); c <= '9'; c++ {
			wrong := []byte(good)
			wrong[i] = c
			doubledFive := i%2 == 1 && (int(c)-int(good[i]))%5 == 0
			if isDigit := '0' <= good[i] && good[i] <= '9'; !isDigit || c == good[i] || doubledFive {
				continue
			}
			if checkTracking(string(wrong)) == nil {
				t.Errorf("%s passes for %s", wrong, good)
			}
		}
	}
}

func TestTrackingNumbersOfAnotherForm(t *testing.T) {
	for _, number := range []string{
		"1Z", "1Z999AA1012345678", "1Z999AA101234567844", "1z999aa10123456784", "1Z 999 AA1 01 2345 6784",
		"2Z999AA10123456784", "1Z999AA1012345678é", "1Z999AA1.123456784",
	} {
		err := checkTracking(number)
		if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeInvalidField || e.Field != "tracking_number" {
			t.Errorf("%q: got %v", number, err)
		}
	}
}

// TestTrackingNumber: a step has the same number for ever, and it is its own.
func TestTrackingNumber(t *testing.T) {
	form := regexp.MustCompile(`^1Z[0-9A-Z]{6}03[0-9]{8}$`)
	seen := make(map[string]string)
	for _, saga := range []string{"order-1", "order-16", "order-161", "order-1610", "checkout42", "checkout43"} {
		for _, step := range []string{"-1", "-3"} {
			key := saga + step
			number := trackingNumber(key)
			if !form.MatchString(number) || checkTracking(number) != nil || number != trackingNumber(key) {
				t.Errorf("%s: got %s", key, number)
			}
			if other, taken := seen[number]; taken {
				t.Errorf("%s and %s have the same number %s", key, other, number)
			}
			seen[number] = key
		}
	}
}
