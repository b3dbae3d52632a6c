package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

const leveledManifest = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: payments}
spec:
  template:
    spec:
      containers:
        - name: app
          image: acme/api:1.4.2
          command: [api, --serve]
          env:
            - {name: LEVEL, value: info} # of the log
`

var badLevel = strings.NewReplacer("value: info}", "value: debg}", "--serve", "--srv").Replace(leveledManifest)

// backFixture is changesFixture whose payments/api got a variable and a command from a commit of Git's, and crashes since.
func backFixture(t *testing.T) *changing {
	t.Helper()
	c := changesFixture(t)
	first, bad := strings.Repeat("0a", 20), strings.Repeat("0b", 20)
	c.forge.past = []pastCommit{
		{change.Commit{SHA: bad, Parent: first, Author: "ana-silva", At: noon.Add(-5 * time.Minute), Subject: "more words"}, map[string]string{"apps/api.yaml": badLevel, "README.md": "bad"}},
		{change.Commit{SHA: first, Author: "ben-okafor", At: noon.Add(-48 * time.Hour), Subject: "begin"}, map[string]string{"apps/api.yaml": leveledManifest}},
	}
	c.forge.files = map[string]string{"apps/api.yaml": badLevel, "README.md": "bad"}
	c.values = map[string]string{"env LEVEL": "LEVEL=debg", "command": "api --srv"}
	c.crashes()
	return c
}

// crashes has the incident diagnosed that the bad commit brought.
func (c *changing) crashes() engine.Incident {
	edit := func(id, what, from, to string) engine.Evidence {
		return clue(id, engine.EvidenceChange, "revision=7", "what="+what, "from="+from, "to="+to, "age=2m", "git=Argo CD")
	}
	return c.diagnosed(engine.ClassCrashLoop,
		clue("end", engine.EvidenceTermination, "exit_code=1", "reason=Error"),
		edit("change/7/0", "command", "api --serve", "api --srv"), edit("change/7/1", "env", "LEVEL=info", "LEVEL=debg"))
}

func TestACommitIsTakenBack(t *testing.T) {
	c := backFixture(t)
	c.mendNow(t)
	c.mendNow(t)
	if len(c.store.offers) != 1 {
		t.Fatalf("%d offers, told %q", len(c.store.offers), c.plain.byHand)
	}
	p := c.store.offers[0]
	want := []string{"command: [api, --srv]\n          env:\n            - {name: LEVEL, value: debg} # of the log => command: [api, --serve]\n          env:\n            - {name: LEVEL, value: info} # of the log"}
	if diff := cmp.Diff(want, edited(p)); diff != "" || p.Title != "payments/api: revert commit 0b0b0b0b0b (command api --srv → api --serve and 1 more), medium risk" || p.Need.People != 1 {
		t.Errorf("%s, %+v", diff, p)
	}
	for _, words := range []string{
		"Revision 7 changed command of container app (api --serve → api --srv)",
		"commit 0b0b0b0b0b by ana-silva of 2026-03-01 11:55 UTC (pull request #12): “more words”", "and so does what it did to one other file",
	} {
		if because := p.Items[0].Because; !strings.Contains(because, words) {
			t.Errorf("%q does not say %q", because, words)
		}
	}

	// It is approved, and made on a commit that came meanwhile.
	c.forge.files["apps/api.yaml"] = "# ours\n" + badLevel
	c.forge.commit++
	button := engine.ProposalButton{Proposal: p.ID, Hash: c.store.all[p.ID].Hash}.Value()
	if _, err := c.submit("UAPP", button); err != nil {
		t.Fatal(err)
	}
	if err := c.task(engine.TaskPropose, p.ID); err != nil || c.store.all[p.ID].Status != engine.ProposalOpened {
		t.Fatalf("%v, %s %s", err, c.store.all[p.ID].Status, c.store.all[p.ID].Reason)
	}
	draft := c.forge.drafts[0]
	if got := string(draft.Files["apps/api.yaml"]); got != "# ours\n"+leveledManifest || len(draft.Files) != 1 {
		t.Errorf("the pull request makes %q of %d files", got, len(draft.Files))
	}
	for _, words := range []string{"mends incident 42", "commit 0b0b0b0b0b by ana-silva", "pull request", "more words", "`api --srv`<br>`LEVEL=debg` | `api --serve`<br>`LEVEL=info`"} {
		if !strings.Contains(draft.Body, words) {
			t.Errorf("the pull request does not say %q:\n%s", words, draft.Body)
		}
	}

	// It is live when all of it is.
	c.forge.merge(1)
	for _, step := range []struct {
		field, value string
		want         engine.ProposalStatus
	}{{"command", "api --serve", engine.ProposalMerged}, {"env LEVEL", "LEVEL=info", engine.ProposalDeployed}} {
		c.values[step.field] = step.value
		if err := c.task(engine.TaskFollow, p.ID); waits(err) == 0 || c.store.all[p.ID].Status != step.want {
			t.Errorf("%s is %s: %v, %s; want %s", step.field, step.value, err, c.store.all[p.ID].Status, step.want)
		}
	}
}

func TestACommitIsNotTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		then func(*changing)
		told string // in the thread; "" for nothing
	}{
		"its lines changed again": {
			func(c *changing) {
				c.forge.files["apps/api.yaml"] = strings.Replace(badLevel, "# of the log", "# of all", 1)
			},
			"42 By hand in acme/deploy, payments/api: command api --srv → api --serve and 1 more: commit 0b0b0b0b0b by ana-silva of 2026-03-01 11:55 UTC brought it, and a later one changed the same lines after it (apps/api.yaml:12)",
		},
		"no commit brought it": {
			func(c *changing) { c.forge.past = c.forge.past[1:] }, "none of the last 1 commits to its files brought command of container app",
		},
		"no commit brought it, and nothing deploys it from Git": {
			func(c *changing) {
				c.forge.past = c.forge.past[1:]
				for _, e := range c.plain.incidents[42].Diagnosis.Evidence {
					delete(e.Fields, "git")
				}
			}, "",
		},
		"it is another by now":  {func(c *changing) { c.values["env LEVEL"] = "LEVEL=warn" }, ""},
		"it was undone by hand": {func(c *changing) { c.values["command"] = "api --serve" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := backFixture(t)
			c.then(f)
			f.mendNow(t)
			if len(f.store.offers) != 0 {
				t.Errorf("offered %+v", f.store.offers)
			}
			if told := strings.Join(f.plain.byHand, "\n"); (told == "") != (c.told == "") || !strings.Contains(told, c.told) {
				t.Errorf("told %q", told)
			}
		})
	}
}

func TestTakingACommitBackIsWithdrawn(t *testing.T) {
	for name, c := range map[string]struct {
		then func(*changing)
		want string
	}{
		"one of its values was changed by hand": {func(c *changing) { c.values["env LEVEL"] = "LEVEL=warn" }, "payments/api env LEVEL is LEVEL=warn by now"},
		"another value is to blame": {func(c *changing) {
			c.values["env LEVEL"] = "LEVEL=info"
			c.diagnosed(engine.ClassCrashLoop, clue("end", engine.EvidenceTermination, "exit_code=1", "reason=Error"),
				clue("change/8/0", engine.EvidenceChange, "revision=8", "what=command", "from=api --serve", "to=api --srv", "age=2m"))
		}, "the diagnosis asks for other values now"},
	} {
		t.Run(name, func(t *testing.T) {
			f := backFixture(t)
			f.mendNow(t)
			c.then(f)
			f.mendNow(t)
			if p := f.store.all[100]; p.Status != engine.ProposalStale || !strings.Contains(p.Reason, c.want) {
				t.Errorf("%s, %q", p.Status, p.Reason)
			}
		})
	}
}
