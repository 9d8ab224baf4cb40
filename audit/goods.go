package audit

import (
	"hash/maphash"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"amends/protocol"
)

// Goods are the lines of an order as one comparable text, sorted:
// "abc123×2 xyz789×1". An SKU holds neither × nor a space.
type Goods string

// GoodsOf writes lines as Goods.
func GoodsOf(lines []protocol.Line) Goods {
	items := make([]string, len(lines))
	for i, line := range lines {
		items[i] = line.SKU + "×" + strconv.FormatInt(line.Quantity, 10)
	}
	slices.Sort(items)
	return Goods(strings.Join(items, " "))
}

// Lines returns SKU and quantity of every line.
func (g Goods) Lines() iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		for item := range strings.FieldsSeq(string(g)) {
			sku, quantity, _ := strings.Cut(item, "×")
			n, _ := strconv.ParseInt(quantity, 10, 64) // written by GoodsOf
			if !yield(sku, n) {
				return
			}
		}
	}
}

// Print is the fingerprint of a text that is only ever compared, such as a
// payment_id: eight bytes in place of thirty. The zero value is not known and
// agrees with everything. Prints of different processes do not compare.
type Print uint64

var seed = maphash.MakeSeed()

// PrintOf makes the fingerprint of a text.
func PrintOf(text string) Print { return Print(max(maphash.String(seed, text), 1)) }

// mix spreads a number over all bits, so that sums of them do not cancel out.
func mix(p Print) Print {
	p = (p ^ p>>30) * 0xbf58476d1ce4e5b9
	p = (p ^ p>>27) * 0x94d049bb133111eb
	return p ^ p>>31
}

// agrees tells whether a print is the one that is wanted, if one is.
func (p Print) agrees(wanted Print) bool { return wanted == 0 || p == wanted }

// plus adds without wrapping around: a stored number may be any, and a sum that
// wraps would hide what it should show.
func plus(a, b int64) int64 {
	sum := a + b
	switch {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	}
	return sum
}
