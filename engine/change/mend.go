package change

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/eks-autopilot/autopilot/engine"
)

// Mend is what would mend an incident: values that its evidence names.
type Mend struct {
	Title   string
	Wishes  []engine.Wish // made together or not at all
	Because string        // by which rule the new values are these, for people
	Risk    engine.Risk
	Git     string // what deploys the workload from Git, as the evidence says; "" where it does not
}

// Live reads the value that a wish is about as the live object has it, "" where it does not set it. It fails with NotFound when
// nothing has such a value any more, with Invalid or Forbidden where it never will be known.
type Live func(w engine.Wish) (string, error)

// mendConfidence is how likely the first cause must be: more likely than not.
const mendConfidence = 0.5

// Mendable tells whether the diagnosis of an open incident names values that would mend it. MendOf looks whether they still hold.
func Mendable(i engine.Incident) bool {
	_, why := named(i)
	return why == ""
}

// MendOf says which values of an incident's workload shall be others, by its likeliest cause: a memory limit that was reached is
// raised; a probe or an image that a new revision changed goes back to what it was before; of whatever else a change brought the
// commit is taken back, which Locate finds. why says why there is nothing of the kind. Where the evidence does not name both values, or the live object has neither of them by now, nothing is guessed. It fails
// only where what is live cannot be read now.
func MendOf(i engine.Incident, live Live) (m Mend, why string, err error) {
	if m, why = named(i); why != "" {
		return Mend{}, why, nil
	}
	if m.Wishes[0].Kind == engine.WishLimit {
		if m, err = guaranteed(m, live); err != nil {
			return Mend{}, "", err
		}
	}
	for _, w := range Values(m.Wishes...) {
		is, err := live(w)
		switch engine.CodeOf(err) {
		case "":
		case engine.NotFound, engine.Invalid, engine.Forbidden:
			return Mend{}, engine.UserMessage(err, w.Target.String()), nil
		default:
			return Mend{}, "", err
		}
		if !SameValue(is, w.Old) {
			return Mend{}, fmt.Sprintf("%s of %s is %q by now, not %q", orKind(w), w.Target.Workload, is, w.Old), nil
		}
	}
	m.Title = mendTitle(m.Wishes)
	return m, "", nil
}

// named reads a mend out of the evidence alone.
func named(i engine.Incident) (Mend, string) {
	c, ok := i.Diagnosis.Cause("")
	switch {
	case !i.IsOpen():
		return Mend{}, "the incident is over"
	case slices.Contains(noImage, c.Rule):
		return Mend{}, "another image would not help"
	}
	d := diagnosed{i, c}
	m, why := d.value()
	if !ok || c.Confidence < mendConfidence {
		m, why = Mend{}, "no cause is likely enough"
	}
	if why == "" {
		return m, ""
	}
	if m, ok := d.back(); ok {
		return m, ""
	}
	return Mend{}, why
}

// value is the one value, or the few, that shall be others.
func (d diagnosed) value() (Mend, string) {
	switch d.cause.Rule {
	case "oom/limit":
		return d.limit()
	case "probe/after-change":
		return d.probe()
	}
	return d.image()
}

// noImage are the causes for which an image is not to blame, though one was changed before.
var noImage = []string{"image/rate-limit", "image/unreachable", "image/disk-full"}

// diagnosed is an incident with its likeliest cause.
type diagnosed struct {
	engine.Incident
	cause engine.Cause
}

// speaking gives the first evidence of a kind on which the cause rests, and which a test accepts.
func (d diagnosed) speaking(k engine.EvidenceKind, test func(engine.Evidence) bool) (engine.Evidence, bool) {
	for _, id := range d.cause.For {
		if e, ok := d.Diagnosis.Find(id); ok && e.Kind == k && test(e) {
			return e, true
		}
	}
	return engine.Evidence{}, false
}

// revision gives all that the revision changed on which the cause rests.
func (d diagnosed) revision() []engine.Evidence {
	suspect, ok := d.speaking(engine.EvidenceChange, func(e engine.Evidence) bool { return e.Fields["revision"] != "" })
	if !ok {
		return nil
	}
	var all []engine.Evidence
	for _, e := range d.Diagnosis.Evidence {
		if e.Kind == engine.EvidenceChange && e.Fields["revision"] == suspect.Fields["revision"] && e.Fields["what"] != "restart" {
			all = append(all, e)
		}
	}
	return all
}

func (d diagnosed) wish(k engine.WishKind, container, field, from, to string) engine.Wish {
	return engine.Wish{Kind: k, Target: engine.Target{Workload: d.Workload, Container: container}, Field: field, Old: from, New: to}
}

// limit gives a container that was killed at its memory limit more: what it had before, where a revision lowered it, else by a rule.
func (d diagnosed) limit() (Mend, string) {
	killed, ok := d.speaking(engine.EvidenceTermination, killedForMemory)
	if !ok {
		killed, ok = d.speaking(engine.EvidenceContainer, killedForMemory)
	}
	container := killed.Container
	limit := ""
	for _, e := range d.Diagnosis.Evidence {
		if e.Kind == engine.EvidenceContainer && e.Container == container && limit == "" {
			limit = e.Fields["memory_limit"]
		}
	}
	if !ok || container == "" || limit == "" {
		return Mend{}, "the evidence does not say which limit was reached"
	}
	raised, because, ok := raise(limit)
	if !ok {
		return Mend{}, fmt.Sprintf("the limit %q is no quantity", limit)
	}
	because = fmt.Sprintf("Container %s was killed when it reached its limit of %s, so what it needs is more, and not known. %s", container, limit, because)
	const sign = "limits.memory="
	for _, e := range d.revision() {
		from, lowered := strings.CutPrefix(e.Fields["from"], sign)
		if e.Container == container && lowered && e.Fields["to"] == sign+limit && Exceeds(from, limit, 1) {
			raised = from
			because = fmt.Sprintf("Revision %s lowered the limit of container %s from %s to %s, and there it was killed. This is what it was before.",
				e.Fields["revision"], container, from, limit)
		}
	}
	return Mend{
		Wishes: []engine.Wish{d.wish(engine.WishLimit, container, string(engine.Memory), limit, raised)}, Because: because, Risk: engine.RiskLow,
	}, ""
}

func killedForMemory(e engine.Evidence) bool { return e.Fields["reason"] == "OOMKilled" }

// How much a limit that was reached is raised. A kill tells only that it was too little: the least step is there for small
// containers, whose need a quarter more would hardly ever meet. (The Vertical Pod Autoscaler raises by a fifth, and 100 MiB at least.)
const (
	raiseShare = 4         // by one part in so many
	raiseLeast = 100 * mib // at least
	raiseStep  = 64 * mib  // rounded up to
	raiseWide  = 256 * mib // rounded up to, from raiseLarge on
	raiseLarge = 4 * gib
)

// raise gives the limit after one that was reached, and the rule in words. ok is false for what is no quantity.
func raise(limit string) (raised, because string, ok bool) {
	q, err := resource.ParseQuantity(limit)
	is := q.Value()
	if err != nil || is <= 0 || is > 1<<50 {
		return "", "", false
	}
	step := int64(raiseStep)
	if is >= raiseLarge {
		step = raiseWide
	}
	wanted := max(is+is/raiseShare, is+raiseLeast)
	wanted = (wanted + step - 1) / step * step
	return Quantity(wanted, engine.Memory),
		fmt.Sprintf("The rule: a quarter more, and at least %d MiB, rounded up to %d MiB.", raiseLeast/mib, step/mib), true
}

// guaranteed raises the request with the limit, where they are the same: the pod keeps its class of service.
func guaranteed(m Mend, live Live) (Mend, error) {
	limit := m.Wishes[0]
	request := limit
	request.Kind = engine.WishRequest
	is, err := live(request)
	switch engine.CodeOf(err) {
	case "":
	case engine.NotFound, engine.Invalid, engine.Forbidden:
		return m, nil // MendOf says so of the limit
	default:
		return m, err
	}
	if is != "" && SameValue(is, limit.Old) {
		m.Wishes = append(m.Wishes, request)
		m.Because += " The request is the same as the limit, and goes with it, so that the pods stay in their class of service."
	}
	return m, nil
}

// image goes back to the images before, where a revision changed nothing else.
func (d diagnosed) image() (Mend, string) {
	var m Mend
	changed := d.revision()
	if len(changed) == 0 {
		return m, "the cause does not rest on a change"
	}
	if _, ok := d.speaking(engine.EvidenceChange, func(e engine.Evidence) bool { return e.Fields["what"] == "image" }); !ok {
		return m, "the cause does not rest on a change of an image"
	}
	for _, e := range changed {
		from, to := e.Fields["from"], e.Fields["to"]
		if what := e.Fields["what"]; what != "image" {
			return m, fmt.Sprintf("revision %s changed more than the image: %s", e.Fields["revision"], what)
		}
		if from == "" || to == "" || e.Container == "" {
			return m, "the evidence does not name both images"
		}
		m.Wishes = append(m.Wishes, d.wish(engine.WishImage, e.Container, "", to, from))
	}
	m.Because = fmt.Sprintf("Revision %s changed nothing but the image, and it began after that. This is the image before.", changed[0].Fields["revision"])
	m.Risk = engine.RiskMedium // what the new one wrote, the old one may not read
	return m, ""
}

// mendTitle says a mend in one line: "payments/api memory limit and request 512 → 640 MiB".
func mendTitle(wishes []engine.Wish) string {
	first := wishes[0]
	if len(wishes) == 2 && first.Kind == engine.WishLimit && wishes[1].Kind == engine.WishRequest {
		return fmt.Sprintf("%s %s limit and request %s", first.Target.Workload, resourceName(first.Field), fromTo(first.Old, first.New, engine.Memory))
	}
	title := WishTitle(first)
	switch more := len(wishes) - 1; {
	case more == 1:
		title += " and 1 more"
	case more > 1:
		title += fmt.Sprintf(" and %d more", more)
	}
	return title
}
