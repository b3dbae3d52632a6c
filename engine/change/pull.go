package change

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// BranchPrefix begins the name of every branch that the bot makes, and of no other.
const BranchPrefix = "autopilot/"

const (
	pullDigits = 12  // of the key by which a pull request is found again
	slugLength = 40  // of the team in a branch's name
	titleLimit = 200 // GitHub takes 256
	firstLine  = 72  // of a commit's message, by git's custom
	labelLimit = 50  // GitHub's
)

// Options are what a pull request is made with, beside the proposal.
type Options struct {
	Labels    []string
	AsDraft   bool
	Owners    Owners
	Logins    map[string]string        // GitHub login by Slack user id, of people who may be mentioned
	Findings  map[int64]engine.Finding // by id: the evidence. Those that are missing are left out
	Incident  *engine.Incident         // that it mends
	ThreadURL string                   // permalink of the Slack thread
	Reverts   string                   // URL of the pull request that it takes back
}

// Branch names the branch of a proposal: the same one whenever it is asked, and another for each proposal. Any git takes it.
func Branch(p engine.Proposal) string {
	return BranchPrefix + cmp.Or(slug(ownerOf(p)), slug(p.Cluster), "change") + "-" + pullKey(p)
}

// Marker is the comment in a pull request's body by which it is found again. It is not shown.
func Marker(p engine.Proposal) string { return "<!-- autopilot:proposal " + pullKey(p) + " -->" }

// HasMarker tells whether a body has a marker, on a line of its own: within a line it is a text that somebody quotes.
func HasMarker(body, marker string) bool {
	for line := range strings.Lines(body) {
		if strings.TrimSpace(line) == marker {
			return true
		}
	}
	return false
}

// Trailer is the last line of the message of a branch's one commit, by which the commit is known as ours, even where a person
// pushes under the bot's own account, and found again in the base's history.
func Trailer(branch string) string {
	return trailerName + branch[max(0, len(branch)-pullDigits):]
}

const trailerName = "Autopilot-Proposal: "

// HasTrailer tells whether a commit's message is the one that the bot gave to a branch's commit.
func HasTrailer(message, branch string) bool {
	for line := range strings.Lines(message) {
		if strings.TrimSpace(line) == Trailer(branch) {
			return true
		}
	}
	return false
}

// PullTitle is the title of a proposal's pull request: one line that mentions nobody and closes no issue.
func PullTitle(p engine.Proposal) string {
	title := cut(plainText(p.Title), titleLimit)
	return cmp.Or(title, "Change of "+plainText(p.Repo))
}

// Compose makes the pull request of a proposal. files are whole contents by path, nil for one that is removed; all were edited on
// the commit that the proposal's items name.
func Compose(p engine.Proposal, files map[string][]byte, o Options) Draft {
	organisation, _, _ := strings.Cut(p.Repo, "/")
	logins, teams := o.Owners.Reviewers(organisation, slices.Sorted(maps.Keys(files)))
	d := Draft{
		Repo: p.Repo, Base: p.Base,
		Branch: Branch(p), Marker: Marker(p), Title: PullTitle(p),
		Message: commitMessage(p), Body: Body(p, o),
		Files: files, Reviewers: logins, Teams: teams, AsDraft: o.AsDraft,
	}
	for _, i := range p.Items {
		d.Commit = cmp.Or(d.Commit, i.Commit)
	}
	for _, label := range o.Labels {
		if label = cut(plainText(label), labelLimit); label != "" && !slices.Contains(d.Labels, label) {
			d.Labels = append(d.Labels, label)
		}
	}
	return d
}

// pullKey depends on what does not change while the proposal lives, and on all that makes it another one. A proposal that was
// closed and is approved again is another: people said no to the pull request of the first.
func pullKey(p engine.Proposal) string {
	c := canon{sha256.New()}
	c.text("pull/1", p.Key, p.Cluster, p.Repo, p.Base)
	c.number(p.ID)
	c.number(p.CreatedAt.Unix())
	return hex.EncodeToString(c.Sum(nil))[:pullDigits]
}

func ownerOf(p engine.Proposal) string {
	if p.Team != "" || len(p.Items) == 0 {
		return p.Team
	}
	return p.Items[0].Owner.Team
}

// slug keeps lower-case letters, digits and single dashes.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case b.Len() >= slugLength:
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

func commitMessage(p engine.Proposal) string {
	var b strings.Builder
	title := PullTitle(p)
	b.WriteString(cut(title, firstLine))
	b.WriteString("\n\n")
	for n, i := range p.Items {
		if n == maxLines {
			fmt.Fprintf(&b, "- and %d more\n", len(p.Items)-n)
			break
		}
		fmt.Fprintf(&b, "- %s\n", cut(plainText(i.Title), titleLimit))
	}
	if p.Monthly != 0 {
		fmt.Fprintf(&b, "\nEstimate: %s. Risk: %s.\n", moneyLine(p.Monthly), riskOf(p.Items))
	}
	var names []string
	for _, a := range p.Approved {
		names = append(names, plainText(cmp.Or(a.By.Name, a.By.ID)))
	}
	if len(names) > 0 {
		fmt.Fprintf(&b, "\nApproved in Slack by %s.\n", strings.Join(names, ", "))
	}
	fmt.Fprintf(&b, "\n%s\n", Trailer(Branch(p)))
	return b.String()
}
