package change

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// back takes back the commit that brought the change on which the cause rests, whatever it changed. ok is false where the cause rests
// on none. It is enough that this cause is the likeliest, as it is for undoing a rollout by hand.
func (d diagnosed) back() (m Mend, ok bool) {
	suspect, ok := d.speaking(engine.EvidenceChange, func(e engine.Evidence) bool {
		what := e.Fields["what"]
		return what == FieldConfigMap || what == FieldReplicas || what != "created" && what != "restart" && e.Fields["revision"] != ""
	})
	if !ok {
		return m, false
	}
	m.Git = suspect.Fields["git"]
	m.Risk = engine.RiskMedium // what the new one wrote, the old one may not read
	switch suspect.Fields["what"] {
	case FieldReplicas:
		m.Wishes = []engine.Wish{d.wish(engine.WishRevert, "", FieldReplicas, suspect.Fields["to"], suspect.Fields["from"])}
		m.Because = fmt.Sprintf("Its number of replicas was changed from %s to %s, and it began after that.", suspect.Fields["from"], suspect.Fields["to"])
		return m, true
	case FieldConfigMap:
		name := suspect.Fields["from"]
		m.Wishes = []engine.Wish{d.wish(engine.WishRevert, "", FieldConfigMap+" "+name, editedAt(suspect.At), "")}
		m.Because = fmt.Sprintf("ConfigMap %s was edited, and it began after that.", name)
		return m, name != "" && !suspect.At.IsZero()
	}
	revision := suspect.Fields["revision"]
	all := d.revision()
	slices.SortStableFunc(all, func(a, b engine.Evidence) int { // the suspect is the first
		return btoi(b.ID == suspect.ID) - btoi(a.ID == suspect.ID)
	})
	var first engine.Wish
	for n, e := range all {
		w := d.wish(engine.WishRevert, e.Container, strings.TrimSpace(e.Fields["what"]+" "+keyOf(e)), e.Fields["to"], e.Fields["from"])
		if n == 0 {
			first = w
			continue
		}
		first.With = append(first.With, w)
	}
	if len(Values(first)) == 0 { // nothing of it can be read off the live object: that it has another revision can
		first.With = append(first.With, d.wish(engine.WishRevert, "", FieldRevision, revision, ""))
	}
	m.Wishes = []engine.Wish{first}
	m.Because = fmt.Sprintf("Revision %s changed %s, and it began after that.", revision, editsOf(first)[0])
	return m, true
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// editedAt writes when a ConfigMap was edited, as its live value is said.
func editedAt(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// keyed are the kinds of change whose evidence names what it is about before the value: "LOG_LEVEL=debug".
var keyed = []string{"env", "envFrom", "resources", "probe", "mount", "volume", "placement", "config"}

// keyOf gives what a change is about within its kind: the variable, the volume, the probe.
func keyOf(e engine.Evidence) string {
	if !slices.Contains(keyed, e.Fields["what"]) {
		return ""
	}
	for _, side := range []string{e.Fields["from"], e.Fields["to"]} {
		if key, _, ok := strings.Cut(side, "="); ok {
			return key
		}
	}
	return ""
}

// Values gives the wishes whose values the live objects tell, of wishes and of what goes with them: of what is taken back, that which the
// evidence does not hide.
func Values(wishes ...engine.Wish) []engine.Wish {
	var all []engine.Wish
	for _, w := range wishes {
		for _, one := range append([]engine.Wish{w}, w.With...) {
			what, _, _ := strings.Cut(one.Field, " ")
			if one.Kind != engine.WishRevert || what != "template" && one.Old != one.New {
				all = append(all, alone(one))
			}
		}
	}
	return all
}

// Reached tells whether a value that an object of the cluster has is as it was wished.
func Reached(w engine.Wish, is string) bool {
	what, _, _ := strings.Cut(w.Field, " ")
	if w.Kind == engine.WishRevert && (what == FieldRevision || what == FieldConfigMap) {
		return is != w.Old
	}
	return SameValue(is, w.New)
}
