package protocol

// The lengths of card numbers, in digits (ISO/IEC 7812).
const (
	minCardDigits = 13
	maxCardDigits = 19
)

// checkNoCard keeps card numbers out of sagas, logs and journals: this system
// knows payment tokens only (D22).
func checkNoCard(field, text string) error {
	for i := range len(text) {
		startsGroup := isDigit(text[i]) && (i == 0 || !isDigit(text[i-1]))
		if startsGroup && cardBegins(text[i:]) {
			return invalid(field, "holds digits that look like a card number; card numbers must never be sent here")
		}
	}
	return nil
}

// cardBegins tells whether text begins with whole groups of digits, parted by
// spaces or dashes, that together make a card number. Only whole groups count:
// every long number has some part that passes the Luhn check.
func cardBegins(text string) bool {
	var digits [maxCardDigits]byte
	n := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == ' ' || c == '-':
			continue
		case !isDigit(c) || n == maxCardDigits:
			return false
		default:
			digits[n] = c - '0'
			n++
		}
		endsGroup := i+1 == len(text) || !isDigit(text[i+1])
		if endsGroup && n >= minCardDigits && luhn(digits[:n]) {
			return true
		}
	}
	return false
}

// luhn tells whether the last digit checks the others.
func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i])
		if i%2 == 1 {
			d *= 2
			d = d/10 + d%10
		}
		sum += d
	}
	return sum%10 == 0
}
