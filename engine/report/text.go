package report

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	nameLength = 90  // characters of a name that the page shows; the tables as files have all of it
	textLength = 600 // characters of a reason or a sentence
	unknown    = "not known"
)

// tame makes text from outside one line of visible characters: no control characters, no marks that reverse the line.
func tame(s string, n int) string {
	s = s[:min(len(s), 8*n)] // bounds the work; a character cut in half is dropped
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar, unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Noncharacter_Code_Point, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return cut(strings.Join(strings.Fields(s), " "), n)
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return strings.TrimRight(string(r[:n-1]), " ") + "…"
	}
	return s
}

// name is a name from outside, or what stands for one that is empty.
func name(s, empty string) string { return cmp.Or(tame(s, nameLength), empty) }

func sentence(s string) string { return tame(s, textLength) }

func capital(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

// web gives an address that a link may lead to: a plain web address; "" for any other.
func web(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(address) > 1000 || strings.ContainsFunc(address, unicode.IsSpace) {
		return ""
	}
	return u.String()
}

// minus is the sign that is as wide as a digit and a plus.
func minus(s string) string { return strings.Replace(s, "-", "−", 1) }

func money(m engine.MicroUSD) string { return minus(m.String()) }

// signed is an amount that was added: "+$3.20", "−$0.40", "$0.00".
func signed(m engine.MicroUSD) string {
	if s := m.String(); m > 0 && s != "$0.00" {
		return "+" + s
	}
	return money(m)
}

// change is how much more it is than before, in percent; "" where that says nothing.
func change(now, before engine.MicroUSD) string {
	if before <= 0 {
		return ""
	}
	return points(float64(now-before) / float64(before))
}

func points(share float64) string {
	p := share * 100
	switch {
	case math.Abs(p) < 0.05:
		return "±0 %"
	case math.Abs(p) < 10:
		return minus(fmt.Sprintf("%+.1f %%", p))
	case math.Abs(p) >= 1000:
		return minus(fmt.Sprintf("%+.0f times", p/100))
	}
	return minus(fmt.Sprintf("%+.0f %%", p))
}

// percent is a share, exact where it is small: "0.4 %", "37 %".
func percent(share float64) string {
	p := share * 100
	switch {
	case math.IsNaN(p) || math.IsInf(p, 0):
		return unknown
	case p == 0:
		return "0 %"
	case math.Abs(p) < 0.1:
		return "under 0.1 %"
	case math.Abs(p) < 10:
		return minus(fmt.Sprintf("%.1f %%", p))
	}
	return minus(fmt.Sprintf("%.0f %%", p))
}

// part is the share of an amount in a sum that is above zero; "" of any other.
func part(m, sum engine.MicroUSD) string {
	if sum <= 0 {
		return ""
	}
	return percent(float64(m) / float64(sum))
}

// short is an amount on a chart, three digits of it: "$960", "$12.3k", "$1.25M".
func short(m engine.MicroUSD) string {
	dollars := math.Abs(m.Dollars())
	s := strconv.FormatFloat(dollars, 'f', 2, 64)
	for _, scale := range []struct {
		from float64
		mark string
	}{{1e9, "B"}, {1e6, "M"}, {1e4, "k"}} {
		if dollars >= scale.from*0.9995 {
			unit := scale.from
			if scale.mark == "k" {
				unit = 1e3
			}
			s = digits(dollars/unit) + scale.mark
			break
		}
	}
	if dollars < 9995 {
		s = digits(dollars)
	}
	if m < 0 && s != "0" {
		return "−$" + s
	}
	return "$" + s
}

// digits is a number with three digits that count, more only before the point.
func digits(f float64) string {
	after := 2
	switch {
	case f >= 99.95:
		after = 0
	case f >= 9.995:
		after = 1
	}
	s := strconv.FormatFloat(f, 'f', after, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return thousands(s)
}

// thousands puts commas into a number that has no sign.
func thousands(s string) string {
	whole, rest, found := strings.Cut(s, ".")
	for k := len(whole) - 3; k > 0; k -= 3 {
		whole = whole[:k] + "," + whole[k:]
	}
	if found {
		return whole + "." + rest
	}
	return whole
}

// each is what a unit cost, to four digits however small it is: "$0.00001234", "$1,234.50".
func each(dollars float64) string {
	if math.IsNaN(dollars) || math.IsInf(dollars, 0) {
		return unknown
	}
	size := math.Abs(dollars)
	if size >= 1 || size == 0 {
		return money(engine.Dollars(dollars))
	}
	after := min(3-int(math.Floor(math.Log10(size))), 12)
	return minus(strings.Replace("$"+strconv.FormatFloat(dollars, 'f', after, 64), "$-", "-$", 1))
}

func whole(n int64) string {
	if n < 0 {
		return "−" + thousands(strconv.FormatUint(uint64(-n), 10)) //nolint:gosec // the least number is its own negative, and right unsigned
	}
	return thousands(strconv.FormatInt(n, 10))
}

// quantity is a count of units, which may be huge or have a fraction.
func quantity(f float64) string {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0) || math.Abs(f) >= 1e15:
		return engine.Quantity(f)
	case f == math.Trunc(f) || math.Abs(f) >= 1000:
		return whole(int64(math.Round(f)))
	}
	return minus(strconv.FormatFloat(f, 'f', 2, 64))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return whole(int64(n)) + " " + many
}

// lasted is a duration as people say it: "45 s", "12 min", "3 h 5 min", "2 d 4 h".
func lasted(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(max(0, int(d.Seconds()))) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 24*time.Hour:
		return two(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	}
	return two(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
}

func two(a int, unitA string, b int, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unitA)
	}
	return fmt.Sprintf("%d %s %d %s", a, unitA, b, unitB)
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

func moment(t time.Time) string {
	if t.IsZero() {
		return unknown
	}
	return t.UTC().Format("2 Jan 2006 15:04 UTC")
}

// list joins words: "a", "a and b", "a, b and c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
