package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// approved brings the memory of payments/api to an approved proposal.
func (c *changing) approved(t *testing.T) engine.Proposal {
	t.Helper()
	if err := c.task(engine.TaskDraft, 3); err != nil {
		t.Fatal(err)
	}
	r, err := c.Click(t.Context(), click("UAPP", "approve", "g3"))
	if err != nil || r.Plan == nil || len(r.Plan.Items) != 1 {
		t.Fatalf("%+v, %v; want a plan with one line", r, err)
	}
	if r, err = c.submit("UAPP", "g3", r.Plan.Items[0].Ref()); err != nil || r.Text == "" {
		t.Fatalf("%+v, %v", r, err)
	}
	return c.store.all[1]
}

// opened brings it to an open pull request.
func (c *changing) opened(t *testing.T) engine.Proposal {
	t.Helper()
	c.approved(t)
	if err := c.task(engine.TaskPropose, 1); err != nil {
		t.Fatal(err)
	}
	return c.store.all[1]
}

// deployed brings it to where the new value is live.
func (c *changing) deployed(t *testing.T) engine.Proposal {
	t.Helper()
	c.opened(t)
	c.forge.merge(1)
	c.values["memory"] = "1200Mi"
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 {
		t.Fatalf("follow: %v; want to look again", err)
	}
	return c.store.all[1]
}

// waits gives how long a task is to wait; 0 when it is not.
func waits(err error) time.Duration {
	if w, ok := err.(*engine.Waiting); ok { //nolint:errorlint // it is never wrapped
		return w.For
	}
	return 0
}

func TestFromFindingToDeployedChange(t *testing.T) {
	c := changesFixture(t)
	p := c.approved(t)
	if p.Status != engine.ProposalApproved || p.Title != "payments/api memory 2 → 1.17 GiB, −$41.00/month, low risk" || p.Items[0].Chain != "finding/12/0" {
		t.Fatalf("approved: %+v", p)
	}
	if d := c.store.decisions[0]; d.Role != "approver" || !d.Allowed || d.GroupID != 3 || d.ID != "s-UAPP" {
		t.Errorf("decision %+v", d)
	}
	if err := c.task(engine.TaskPropose, 1); err != nil {
		t.Fatal(err)
	}
	if p = c.store.all[1]; p.Status != engine.ProposalOpened || p.Pull.Number != 1 || len(p.Timeline) != 1 || !strings.Contains(p.Timeline[0].Text, p.Pull.URL) {
		t.Fatalf("opened: %+v", p)
	}
	want := strings.Replace(apiManifest, "2Gi", "1200Mi", 1)
	if d := cmp.Diff(map[string]string{"apps/api.yaml": want}, texts(c.forge.drafts[0].Files)); d != "" {
		t.Error(d)
	}
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || c.store.all[1].Status != engine.ProposalOpened {
		t.Fatalf("nobody merged it: %v, %+v", err, c.store.all[1])
	}
	c.forge.merge(1)
	if err := c.task(engine.TaskFollow, 1); waits(err) != arriveSoon || c.store.all[1].Status != engine.ProposalMerged {
		t.Fatalf("merged, and 2Gi live: %v, %+v", err, c.store.all[1])
	}
	c.values["memory"] = "1258291200" // as some write 1200Mi
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 {
		t.Fatal(err)
	}
	if p = c.store.all[1]; p.Status != engine.ProposalDeployed || !strings.Contains(p.Timeline[len(p.Timeline)-1].Text, "payments/api memory is 1258291200") {
		t.Errorf("deployed: %+v", p)
	}
	for range 3 { // done again, nothing more comes of it
		if err := c.task(engine.TaskPropose, 1); err != nil || len(c.forge.drafts) != 1 {
			t.Errorf("proposed again: %v, %d drafts", err, len(c.forge.drafts))
		}
	}
}

func texts(files map[string][]byte) map[string]string {
	all := map[string]string{}
	for path, text := range files {
		all[path] = string(text)
	}
	return all
}
