package chaos

import (
	"regexp"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// requirement is one part of a selector.
type requirement struct {
	key, value string
	valued     bool // it compares the value, not only whether there is one
	not        bool
}

var (
	labelKey   = regexp.MustCompile(`^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
)

// parseSelector reads labels as kubectl takes them, without sets: app=api,tier!=web,canary,!old. It fails with Invalid, also for a selector
// that is empty: it would choose everything.
func parseSelector(text string) ([]requirement, error) {
	var all []requirement
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		var r requirement
		if key, value, ok := strings.Cut(part, "!="); ok {
			r = requirement{key: key, value: value, valued: true, not: true}
		} else if key, value, ok := strings.Cut(part, "="); ok {
			r = requirement{key: key, value: strings.TrimPrefix(value, "="), valued: true}
		} else if key, ok := strings.CutPrefix(part, "!"); ok {
			r = requirement{key: key, not: true}
		} else {
			r.key = part
		}
		if !labelKey.MatchString(r.key) || !labelValue.MatchString(r.value) {
			return nil, engine.Errorf(engine.Invalid, "-selector %s is not possible; labels by commas, such as app=api,tier!=web or canary", plain(text))
		}
		all = append(all, r)
	}
	return all, nil
}

func chosen(labels map[string]string, by []requirement) bool {
	for _, r := range by {
		value, there := labels[r.key]
		holds := there && (!r.valued || value == r.value)
		if holds == r.not {
			return false
		}
	}
	return true
}
