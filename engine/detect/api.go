package detect

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// hookAfter is how long the pods behind a webhook may be away, as while the only one is replaced.
	hookAfter = 2 * time.Minute
	// apiAfter is the same for an aggregated API, such as that of the metrics.
	apiAfter = 3 * time.Minute
	// acceptAfter is how long the controller of a gateway, a route or a certificate may take to do what is asked.
	acceptAfter = 5 * time.Minute
	// joinAfter is how long a machine may take to start and to join the cluster. Karpenter gives up, and tries another, after 15 minutes.
	joinAfter = 8 * time.Minute
	// deliverAfter is how long what is delivered may fail: most try again a few times.
	deliverAfter = 10 * time.Minute
	// expiresSoon is when a certificate is told of at the latest before its end; one that lives for days is told of in the last tenth.
	expiresSoon = 7 * 24 * time.Hour
)

// hooks finds admission webhooks that refuse every call that they are asked about, since nobody answers. Those that may be passed over are left alone.
func hooks(e *estate) {
	seen := map[string]bool{}
	for _, h := range e.Hooks {
		if h.Config.DeletionTimestamp != nil || !h.Fails {
			continue
		}
		f := Fact{Class: engine.ClassAPIDown, Severity: engine.Warning, Since: edited(h.Config), After: hookAfter}
		if h.Writes {
			f.Severity = engine.Critical
		}
		asked := "refuses every call that it is asked about"
		if h.Writes {
			asked = "keeps pods from being made"
		}
		name := h.Service.Namespace + "/" + h.Service.Name
		s := e.services[name]
		switch {
		case s == nil:
			f.Text = fmt.Sprintf("%s: service %s, which should answer %s, does not exist", asked, name, h.Name)
		case len(s.Spec.Selector) == 0:
			continue // its endpoints are not ours to know
		default:
			all, ready, since := e.serving(s)
			if ready > 0 {
				e.expiring(h, seen)
				continue
			}
			f.Text = fmt.Sprintf("%s: no pod behind service %s is ready to answer %s", asked, name, h.Name)
			if all > 0 {
				f.Since = since
			}
		}
		if key := h.Kind + "/" + h.Config.Name; !seen[key] { // its webhooks are mostly answered by one service
			seen[key] = true
			e.about(h.Kind, h.Config, f)
		}
	}
}

// expiring finds webhooks whose certificate authority ends soon: the API server then trusts no answer.
func (e *estate) expiring(h Hook, seen map[string]bool) {
	key := "ca/" + h.Kind + "/" + h.Config.Name
	if seen[key] {
		return
	}
	var last *x509.Certificate
	for rest := h.CA; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && (last == nil || c.NotAfter.After(last.NotAfter)) {
			last = c // what cannot be read is not judged, and the newest of a bundle is what counts
		}
	}
	if last == nil {
		return
	}
	since := last.NotAfter.Add(-min(expiresSoon, last.NotAfter.Sub(last.NotBefore)/10))
	if since.After(e.Now) {
		return
	}
	seen[key] = true
	f := Fact{Class: engine.ClassCertificate, Severity: engine.Warning, Since: since, Text: expires("the certificate authority of its webhooks", last.NotAfter, e.Now)}
	if !last.NotAfter.After(e.Now.Add(24 * time.Hour)) {
		f.Severity = engine.Critical
	}
	e.about(h.Kind, h.Config, f)
}

func expires(what string, at, now time.Time) string {
	verb := "ends"
	if !at.After(now) {
		verb = "ended"
	}
	return fmt.Sprintf("is about to be refused: %s %s on %s", what, verb, at.UTC().Format("2 January 2006, 15:04 UTC"))
}

// said is a condition that an object must have, and what it means when it does not.
type said struct {
	condition string
	text      string
	class     engine.Class
	severity  engine.Severity
	after     time.Duration
	unknown   bool // that nobody has said anything yet is as bad as a no
}

// wanted are the conditions of the kinds that say themselves how they are.
var wanted = map[string][]said{
	"APIService": {{"Available", "does not answer the API server", engine.ClassAPIDown, engine.Critical, apiAfter, false}},
	"GatewayClass": {
		{"Accepted", "is not accepted by its controller", engine.ClassRouteBroken, engine.Warning, acceptAfter, false},
	},
	"Gateway": {
		{"Accepted", "is not accepted by its controller", engine.ClassRouteBroken, engine.Warning, acceptAfter, true},
		{"Programmed", "is accepted, and not put into effect", engine.ClassRouteBroken, engine.Warning, acceptAfter, true},
	},
	"HTTPRoute": {
		{"Accepted", "is not accepted by its gateway", engine.ClassRouteBroken, engine.Warning, acceptAfter, false},
		{"ResolvedRefs", "sends to what does not exist or may not be used", engine.ClassRouteBroken, engine.Warning, routeAfter, false},
	},
	// What is delivered from Git or a catalogue, and does not arrive.
	"Application":           {{"Delivered", "could not be delivered", engine.ClassRolloutStuck, engine.Warning, deliverAfter, false}},
	"Kustomization":         {{"Ready", "could not be delivered", engine.ClassRolloutStuck, engine.Warning, deliverAfter, false}},
	"HelmRelease":           {{"Ready", "could not be delivered", engine.ClassRolloutStuck, engine.Warning, deliverAfter, false}},
	"ClusterServiceVersion": {{"Delivered", "could not be installed", engine.ClassRolloutStuck, engine.Warning, deliverAfter, false}},
	"InstallPlan":           {{"Delivered", "could not be carried out", engine.ClassRolloutStuck, engine.Warning, deliverAfter, false}},
	"Subscription":          {{"Delivered", "cannot be resolved", engine.ClassRolloutStuck, engine.Warning, deliverAfter, false}},
	"CatalogSource":         {{"Delivered", "does not answer", engine.ClassRolloutStuck, engine.Warning, deliverAfter, false}},
	"ClusterExtension":      {{"Installed", "could not be installed", engine.ClassRolloutStuck, engine.Warning, deliverAfter, false}},
	"ClusterCatalog":        {{"Serving", "does not serve its contents", engine.ClassRolloutStuck, engine.Warning, deliverAfter, false}},
	"NodeClaim": {
		{"Launched", "gets no machine", engine.ClassUnschedulable, engine.Warning, joinAfter, true},
		{"Registered", "has a machine that does not join the cluster", engine.ClassNodeNotReady, engine.Warning, joinAfter, true},
	},
}

// nodePool is the label by which Karpenter says whose a NodeClaim is. A claim that fails is replaced by another: the pool is what is ill.
const nodePool = "karpenter.sh/nodepool"

// objects finds what says of itself that it does not work.
func objects(e *estate) {
	for _, o := range e.Objects {
		if o.Meta.DeletionTimestamp != nil {
			continue
		}
		if o.Kind == "Certificate" {
			e.certificate(o)
		}
		for _, want := range wanted[o.Kind] {
			c, since := condition(o, want)
			if c == nil {
				continue
			}
			f := Fact{Class: want.class, Severity: want.severity, Since: since, After: want.after, Text: want.text}
			if c.Reason != "" {
				f.Text += " (" + c.Reason + ")"
			}
			if pool := o.Meta.Labels[nodePool]; o.Kind == "NodeClaim" && pool != "" {
				f.Object = ref(o.Kind, o.Meta)
				e.add(engine.Workload{Kind: "NodePool", Name: pool}, f)
			} else {
				e.about(o.Kind, o.Meta, f)
			}
			break // the first that is not so explains the others
		}
	}
}

// condition gives a condition that is not as it should be, and since when.
func condition(o Object, want said) (*metav1.Condition, time.Time) {
	for k := range o.Conditions {
		c := &o.Conditions[k]
		if c.Type != want.condition {
			continue
		}
		if c.Status == metav1.ConditionFalse || want.unknown && c.Status == metav1.ConditionUnknown {
			since := c.LastTransitionTime.Time
			if at := o.Meta.CreationTimestamp.Time; since.Before(at) { // a default of the schema, from 1970
				since = at
			}
			return c, since
		}
		return nil, time.Time{}
	}
	return nil, time.Time{}
}

// certificate finds certificates of cert-manager that were not renewed when they should have been, or were never issued. Secrets are not read for it.
func (e *estate) certificate(o Object) {
	c, since := condition(o, said{condition: "Ready"})
	switch {
	case o.NotAfter.IsZero() && c != nil && c.Reason != "Issuing":
		e.about(o.Kind, o.Meta, Fact{Class: engine.ClassCertificate, Severity: engine.Warning, Since: since, After: 2 * acceptAfter, Text: "is not issued (" + cmp.Or(c.Reason, "no reason is given") + ")"})
	case o.NotAfter.IsZero() || o.RenewAt.IsZero():
	default:
		// A renewal that is tried again and again has a quarter of the time that is left to it before anybody is woken.
		f := Fact{Class: engine.ClassCertificate, Severity: engine.Warning, Since: o.RenewAt.Add(o.NotAfter.Sub(o.RenewAt) / 4), Text: expires("it was not renewed, and", o.NotAfter, e.Now)}
		f.Text = strings.Replace(f.Text, "is about to be refused: ", "", 1)
		if !o.NotAfter.After(e.Now.Add(24 * time.Hour)) {
			f.Severity = engine.Critical
		}
		if !f.Since.After(e.Now) && !slices.ContainsFunc(o.Conditions, issuing) {
			e.about(o.Kind, o.Meta, f)
		}
	}
}

func issuing(c metav1.Condition) bool {
	return c.Type == "Issuing" && c.Status == metav1.ConditionTrue && c.Reason == "ManuallyTriggered"
}
