package rca

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// pull is a reason why the container runtime could not get an image.
type pull struct {
	name  string
	prior float64
	re    *regexp.Regexp
	title string // of the image
	text  string
	step  string
	field string // of the pod to edit; "" for the image of the container, "-" for none
}

// pulls is the reasons in the order in which a text is tried: one pull fails for one reason, the first that its words name.
// The words are those of containerd 1.7 and 2.x, of CRI-O and of registries.
var pulls = []pull{
	{
		"image/invalid-name", 0.95, regexp.MustCompile(`(?i)(?:couldn't parse image|invalid reference format|InvalidImageName|failed to apply default image tag)`),
		"the image name %s is not valid", "It cannot be parsed as a name.", "Correct the name.", "",
	},
	{
		"image/rate-limit", 0.92, regexp.MustCompile(`(?i)(?:toomanyrequests|too many requests|rate limit)`),
		"the registry limits how often %s may be pulled", "Too many pulls came from this address or account.",
		"Pull with an account of your own, or through a cache such as ECR's pull-through cache.", "",
	},
	{
		"image/unauthorized", 0.88, regexp.MustCompile(`(?i)(?:unauthorized|authentication required|authorization failed|no basic auth credentials|403 Forbidden|denied: |pull access denied|insufficient_scope|not authorized to perform: ecr:)`),
		"the registry does not let the node pull %s", "The credentials are missing or not accepted, or the repository does not exist: registries often do not tell which.",
		"Check the pull secret and the repository's name; on ECR, the node role's policy too.", "imagePullSecrets",
	},
	{
		"image/no-platform", 0.92, regexp.MustCompile(`(?i)(?:no match for platform|no matching manifest for|no child with platform)`),
		"image %s is not made for the node's processor", "The registry has it for other architectures alone.",
		"Build it for the node's architecture, or pin the pods to nodes that fit.", "nodeSelector",
	},
	{
		"image/never", 0.95, regexp.MustCompile(`(?i)(?:ErrImageNeverPull|is not present with pull policy of Never)`),
		"image %s is not on the node and may not be pulled", "The pull policy is Never.", "Load the image onto the node, or change the pull policy.", "imagePullPolicy",
	},
	{
		"image/disk-full", 0.9, regexp.MustCompile(`(?i)no space left on device`),
		"the node's disk is full: no room for image %s", "Unpacking the image failed.", "Free the node's disk, or give nodes a larger one.", "-",
	},
	{
		"image/unreachable", 0.85, regexp.MustCompile(`(?i)(?:no such host|i/o timeout|connection refused|dial tcp|network is unreachable|no route to host|TLS handshake timeout|connection reset|deadline exceeded|Client\.Timeout|name resolution|x509:|server misbehaving|\bEOF\b|50[234] )`),
		"the registry of %s cannot be reached", "The node gets no answer from there.",
		"Check the node's DNS and way out (NAT, proxy, VPC endpoints), and the registry's state.", "-",
	},
	{
		"image/not-found", 0.92, regexp.MustCompile(`(?i)(?:not found|manifest unknown|name unknown|repository .* does not exist|NotFound)`),
		"image %s does not exist", "The registry has no such tag or repository.", "Correct the tag, or push the image.", "",
	},
}

var imageRules = append(known(pulls), rule{
	general: true, name: "image/unknown", classes: []engine.Class{engine.ClassImagePull}, prior: 0.4, match: func(f *facts) (finding, bool) {
		c, ok := f.first(engine.EvidenceContainer, pulling)
		if _, _, known := f.pullReason(); !ok || known {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: []string{c.ID}, title: fmt.Sprintf("image %s cannot be pulled", quote(c.Fields["image"], 120)),
			text: "The runtime does not say why.",
			step: engine.Step{Text: "Read the whole error of the pull.", Command: f.describe("pod", c.Object.Name)},
		}
		m.because(f, "image")
		return m, true
	},
})

func known(all []pull) []rule {
	var out []rule
	for _, p := range all {
		out = append(out, rule{name: p.name, classes: []engine.Class{engine.ClassImagePull, engine.ClassRolloutStuck}, prior: p.prior, match: p.match})
	}
	return out
}

func pulling(e engine.Evidence) bool {
	return slices.Contains([]string{"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError"}, e.Fields["reason"])
}

var (
	// aboutImages tells whether a text is about the pull of an image, and not about something else that was not found.
	aboutImages = regexp.MustCompile(`(?i)(?:image|pull|manifest|registry)`)
	imageName   = regexp.MustCompile(`[Ii]mage \\?"([^"\\]+)\\?"`)
)

// pullReason finds why a pull failed, and the texts that say so.
func (f *facts) pullReason() (pull, []said, bool) {
	for _, p := range pulls {
		var texts []said
		for _, s := range f.messages() {
			if aboutImages.MatchString(s.text) && p.re.MatchString(s.text) {
				texts = append(texts, s)
			}
		}
		for _, c := range f.kind[engine.EvidenceContainer] {
			if pulling(c) && p.re.MatchString(c.Fields["reason"]) {
				texts = append(texts, said{c.ID, c.Text, c.Container})
			}
		}
		if len(texts) > 0 {
			return p, texts, true
		}
	}
	return pull{}, nil, false
}

func (p pull) match(f *facts) (finding, bool) {
	why, texts, ok := f.pullReason()
	if !ok || why.name != p.name {
		return finding{}, false
	}
	m := finding{strength: 1, text: p.text}
	image, container := "", ""
	for _, s := range texts[:min(len(texts), maxIDs)] {
		m.pro = append(m.pro, s.id)
		container = or(container, s.container)
		if g := imageName.FindStringSubmatch(s.text); g != nil {
			image = or(image, g[1])
		}
	}
	c, waits := f.first(engine.EvidenceContainer, func(e engine.Evidence) bool {
		return pulling(e) && (container == "" || e.Container == container)
	})
	if waits {
		container, image = c.Container, or(c.Fields["image"], image)
	}
	m.title = fmt.Sprintf(p.title, quote(or(image, "of a container"), 120))
	m.step = engine.Step{Text: p.step}
	switch p.field {
	case "-":
	case "":
		m.step.Field = f.path(container, "image")
	case "imagePullPolicy":
		m.step.Field = f.path(container, p.field)
	default:
		m.step.Field = f.podField(p.field)
	}
	m.because(f, "image")
	switch p.name {
	case "image/no-platform":
		m.otherwise(archs)
	case "image/disk-full":
		m.otherwise(f.onNode(f.field(engine.EvidencePod, "", "node")))
	}
	return m, true
}
