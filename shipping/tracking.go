package shipping

import (
	"crypto/sha256"
	"encoding/binary"
)

const (
	accountLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	groundService  = "03"
)

// trackingNumber makes a number that every carrier's form accepts: 1Z, six
// characters of the shipper's account, two of the service, seven digits of the
// parcel, and a check digit. A real shipper has one account; here it varies as
// well, so that millions of parcels keep apart.
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
