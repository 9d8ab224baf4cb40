package shipping

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"amends/protocol"
)

const (
	accountLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	groundService  = "03"
	trackingLength = 18
)

// trackingNumber makes a number in the form of UPS: 1Z, six characters of the
// shipper's account, two of the service, seven digits of the parcel, and a check
// digit. A real shipper has one account, and gets the rest from the carrier; here
// the account varies as well, so that parcels keep apart: that any two of a
// million have one number is as likely as 1 in 40,000.
func trackingNumber(key string) string {
	sum := sha256.Sum256([]byte(key))
	body := make([]byte, 0, 16)
	account := binary.BigEndian.Uint64(sum[:8])
	for range 6 {
		body = append(body, accountLetters[account%36])
		account /= 36
	}
	body = append(body, groundService...)
	parcel := binary.BigEndian.Uint64(sum[8:16])
	for range 7 {
		body = append(body, byte('0'+parcel%10))
		parcel /= 10
	}
	return "1Z" + string(append(body, checkDigit(body)))
}

// checkDigit checks the fifteen characters after 1Z. Letters count as digits, A
// as 2 and on from there modulo 10; every second character counts twice.
func checkDigit(body []byte) byte {
	sum := 0
	for i, c := range body {
		value := int(c - '0')
		if c >= 'A' {
			value = int(c-'A'+2) % 10
		}
		if i%2 == 1 {
			value *= 2
		}
		sum += value
	}
	return byte('0' + (10-sum%10)%10)
}

// checkTracking tells a number that can be on a label from a slip of the pen. The
// error is a *protocol.Error.
func checkTracking(number string) error {
	const field = "tracking_number"
	letters := strings.TrimLeft(number, accountLetters)
	if len(number) != trackingLength || letters != "" || !strings.HasPrefix(number, "1Z") {
		return &protocol.Error{
			Code: protocol.CodeInvalidField, Field: field,
			Message: "must be 1Z and 16 more capital letters and digits, without spaces",
		}
	}
	if number[trackingLength-1] != checkDigit([]byte(number[2:trackingLength-1])) {
		return &protocol.Error{
			Code: protocol.CodeInvalidField, Field: field, Message: "is mistyped: its check digit does not fit",
		}
	}
	return nil
}
