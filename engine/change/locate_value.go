package change

import (
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/eks-autopilot/autopilot/engine"
)

// variable is how values that others fill in are written: Flux's and a shell's ${A:=b}, Kustomize's $(A), Go's and Jinja's {{ }},
// and what sed replaces.
var variable = regexp.MustCompile(`\$\{[^}]*\}|\$\([^)]*\)|\{\{.*\}\}|<%.*%>|@@?[A-Za-z_][A-Za-z0-9_]*@@?|__[A-Z0-9_]+__|^\$[A-Za-z_]\w*$`)

// restyled writes the new value of a wish as the file writes the old one: with or without the suffix m, in Mi or Gi where that is
// exact. It gives the wish's own form where the file's cannot say it.
func restyled(w engine.Wish, have string) string {
	if w.Kind != engine.WishRequest && w.Kind != engine.WishLimit {
		return w.New
	}
	want, err := resource.ParseQuantity(w.New)
	if err != nil {
		return w.New
	}
	digits := strings.TrimRight(have, "numkKMGTPEi")
	suffix := have[len(digits):]
	if strings.ContainsAny(digits, "eE+-") || digits == "" {
		return w.New
	}
	unit, err := resource.ParseQuantity("1" + suffix)
	if err != nil || unit.IsZero() {
		return w.New
	}
	places := 0 // of decimals that the file would have
	if suffix == "" && w.Field == string(engine.CPU) {
		places = 3
	} else if _, fraction, ok := strings.Cut(digits, "."); ok {
		places = max(len(fraction), 2)
	}
	text, ok := inUnits(want, unit, places)
	if !ok {
		return w.New
	}
	return text + suffix
}

// inUnits writes a quantity as a decimal number of units, with so many places at most. ok is false where that is not exact.
func inUnits(q, unit resource.Quantity, places int) (text string, ok bool) {
	// Both are counted in thousandths, which hold every amount of millicores and bytes.
	n, u := q.MilliValue(), unit.MilliValue()
	if u == 0 || resource.NewMilliQuantity(n, resource.DecimalSI).Cmp(q) != 0 {
		return "", false
	}
	whole, rest := n/u, n%u
	var fraction strings.Builder
	for range places {
		if rest == 0 {
			break
		}
		if rest > (1<<63-1)/10 {
			return "", false
		}
		rest *= 10
		fraction.WriteString(strconv.FormatInt(rest/u, 10))
		rest %= u
	}
	if rest != 0 || n < 0 {
		return "", false
	}
	text = strconv.FormatInt(whole, 10)
	if fraction.Len() > 0 {
		text += "." + fraction.String()
	}
	return text, true
}

// sameValue tells whether a file has the value that the live object has.
func sameValue(w engine.Wish, have, old string) bool {
	switch w.Kind {
	case engine.WishRequest, engine.WishLimit:
		return SameValue(have, old)
	case engine.WishImage, engine.WishTarget, engine.WishProbe, engine.WishVolume, engine.WishGroup, engine.WishRevert:
	}
	return have == old
}
