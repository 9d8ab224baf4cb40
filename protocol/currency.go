package protocol

import "strings"

// The currencies in use by ISO 4217 (list one of 2026), by the number of digits
// after the point. Codes of funds, metals and tests are left out: nobody pays a
// checkout with them. A wrong list is a real bug of payment plug-ins (D1), so
// the table follows ISO and no payment provider.
const (
	withoutDigits   = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
	withThreeDigits = "BHD IQD JOD KWD LYD OMR TND"
	withTwoDigits   = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN " +
		"BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP " +
		"GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL " +
		"MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK " +
		"PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB " +
		"TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)

// fractionDigits tells how many digits follow the point in each currency.
var fractionDigits = currencyTable()

func currencyTable() map[string]int {
	table := make(map[string]int)
	for digits, codes := range map[int]string{0: withoutDigits, 2: withTwoDigits, 3: withThreeDigits} {
		for _, code := range strings.Fields(codes) {
			table[code] = digits
		}
	}
	return table
}

// fractionDigitsOf looks a currency up. The error names the field "currency"
// beside the given field of the amount.
func fractionDigitsOf(amountField, currency string) (int, error) {
	digits, known := fractionDigits[currency]
	if known {
		return digits, nil
	}
	field := amountField[:strings.LastIndexByte(amountField, '.')+1] + "currency"
	if currency == "" {
		return 0, missing(field)
	}
	return 0, invalid(field, "must be a currency code of ISO 4217 in capitals, such as USD")
}
