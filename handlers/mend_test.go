package handlers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

const limitedManifest = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: payments}
spec:
  template:
    spec:
      containers:
        - name: app
          image: acme/api:1.4.2
          livenessProbe:
            httpGet: {path: /healthz, port: 8080}
            timeoutSeconds: 1 # was 5
          resources:
            requests:
              memory: 512Mi
            limits:
              memory: 512Mi # never enough
`

// diagnosed ranks evidence for incident 42 of payments/api, as the product does, and has it open.
func (c *changing) diagnosed(class engine.Class, evidence ...engine.Evidence) engine.Incident {
	i := engine.Incident{ID: 42, Workload: api, Status: engine.Open, Classes: []engine.Class{class}, Title: "payments/api", StartedAt: noon, DetectedAt: noon}
	i.Diagnosis = rca.Rank(i, evidence, nil, nil, noon)
	c.plain.incidents[42] = i
	return i
}

func clue(id string, k engine.EvidenceKind, fields ...string) engine.Evidence {
	e := engine.Evidence{ID: id, Kind: k, Container: "app", Object: engine.ObjectRef{Kind: "Pod", Namespace: "payments", Name: "api-x"}, Fields: map[string]string{}}
	for _, f := range fields {
		key, value, _ := strings.Cut(f, "=")
		e.Fields[key] = value
	}
	return e
}

func outOfMemory(limit string) []engine.Evidence {
	return []engine.Evidence{
		clue("end", engine.EvidenceTermination, "exit_code=137", "reason=OOMKilled"),
		clue("app", engine.EvidenceContainer, "state=waiting", "reason=CrashLoopBackOff", "memory_limit="+limit, "memory_request="+limit),
	}
}

// mendFixture is changesFixture whose payments/api has a limit and a probe, live as in the file.
func mendFixture(t *testing.T) *changing {
	t.Helper()
	c := changesFixture(t)
	c.forge.files["apps/api.yaml"] = limitedManifest
	c.values = map[string]string{"memory": "512Mi", "": "acme/api:1.4.2", "livenessProbe.timeoutSeconds": "1"}
	return c
}

func (c *changing) mendNow(t *testing.T) {
	t.Helper()
	if err := c.Tasks()[engine.TaskMend](t.Context(), engine.Task{Kind: engine.TaskMend, IncidentID: 42}); err != nil {
		t.Fatal(err)
	}
}

// edited gives what the items of a proposal change, in its lines.
func edited(p engine.Proposal) (out []string) {
	for _, i := range p.Items {
		for _, e := range i.Edits {
			out = append(out, strings.TrimSpace(e.Before)+" => "+strings.TrimSpace(e.After))
		}
	}
	return out
}

func TestMendIsOffered(t *testing.T) {
	change := func(what, from, to string) engine.Evidence {
		return clue("change/7/0", engine.EvidenceChange, "revision=7", "what="+what, "from="+from, "to="+to, "age=2m")
	}
	for name, c := range map[string]struct {
		class    engine.Class
		evidence []engine.Evidence
		want     []string
		title    string
	}{
		"memory after an OOM kill": {
			engine.ClassOOMKilled, outOfMemory("512Mi"),
			[]string{"memory: 512Mi # never enough => memory: 640Mi # never enough", "memory: 512Mi => memory: 640Mi"},
			"payments/api memory limit and request 512 → 640 MiB, low risk",
		},
		"a probe": {
			engine.ClassProbeFailing,
			[]engine.Evidence{
				clue("probe", engine.EvidenceProbe, "probe=liveness", "message=Liveness probe failed: context deadline exceeded"),
				change("probe", "liveness=GET http :8080/healthz every 10s, timeout 5s, fails after 3", "liveness=GET http :8080/healthz every 10s, timeout 1s, fails after 3"),
			},
			[]string{"timeoutSeconds: 1 # was 5 => timeoutSeconds: 5 # was 5"},
			"payments/api livenessProbe.timeoutSeconds 1 → 5, low risk",
		},
		"an image": {
			engine.ClassImagePull,
			[]engine.Evidence{
				clue("app", engine.EvidenceContainer, "state=waiting", "reason=ImagePullBackOff", "image=acme/api:1.4.2", "message=manifest unknown: acme/api:1.4.2 not found"),
				change("image", "acme/api:1.4.1", "acme/api:1.4.2"),
			},
			[]string{"image: acme/api:1.4.2 => image: acme/api:1.4.1"},
			"payments/api image acme/api:1.4.2 → acme/api:1.4.1, medium risk",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := mendFixture(t)
			i := f.diagnosed(c.class, c.evidence...)
			f.mendNow(t)
			f.mendNow(t)
			if len(f.store.offers) != 1 {
				t.Fatalf("%d offers of one diagnosis: %+v", len(f.store.offers), i.Diagnosis.Causes)
			}
			p := f.store.offers[0]
			if diff := cmp.Diff(c.want, edited(p)); diff != "" || p.Title != c.title || p.Incident != 42 || p.Need.People != 1 || !p.Proposer.IsZero() {
				t.Errorf("%s, %+v", diff, p)
			}
		})
	}
}

func TestMendIsApprovedMergedAndSeenToHelp(t *testing.T) {
	c := mendFixture(t)
	i := c.diagnosed(engine.ClassOOMKilled, outOfMemory("512Mi")...)
	c.mendNow(t)
	p := c.store.all[100]
	button := engine.ProposalButton{Proposal: p.ID, Hash: p.Hash}.Value()
	reply, err := c.Click(t.Context(), engine.Click{ID: "k", By: engine.Person{ID: "UAPP"}, Action: string(engine.ActionApprove), Value: button})
	if err != nil || reply.Plan == nil || len(reply.Plan.Items) != 2 {
		t.Fatalf("%v, %+v", err, reply)
	}
	if _, err := c.submit("UAPP", button); err != nil {
		t.Fatal(err)
	}
	if err := c.task(engine.TaskPropose, 100); err != nil || c.store.all[100].Status != engine.ProposalOpened {
		t.Fatalf("%v, %s %s", err, c.store.all[100].Status, c.store.all[100].Reason)
	}
	if body := c.forge.drafts[0].Body; !strings.Contains(body, "mends incident 42") || !strings.Contains(body, "a quarter more") || strings.Contains(body, "Price") {
		t.Error(body)
	}
	c.mendNow(t) // it is on its way: nothing is offered beside it
	c.forge.merge(1)
	if err := c.task(engine.TaskFollow, 100); waits(err) == 0 {
		t.Fatal(err)
	}
	c.values["memory"], c.clock = "640Mi", c.clock.Add(time.Minute)
	if err := c.task(engine.TaskFollow, 100); waits(err) == 0 || c.store.all[100].Status != engine.ProposalDeployed {
		t.Fatalf("%v, %s; want it deployed, and the incident watched", err, c.store.all[100].Status)
	}
	c.clock = c.clock.Add(5 * time.Minute)
	i.Status, i.ResolvedAt = engine.Resolved, c.clock
	c.plain.incidents[42] = i
	c.mendNow(t)
	if diff := cmp.Diff([]int64{100}, c.store.followed); diff != "" {
		t.Error("a look is due when the incident resolves", diff)
	}
	if err := c.task(engine.TaskFollow, 100); err != nil {
		t.Fatal(err)
	}
	p = c.store.all[100]
	if last := p.Timeline[len(p.Timeline)-1].Text; p.Status != engine.ProposalVerified || last != "Incident 42 resolved 6m0s after this change was merged." {
		t.Errorf("%s, %q", p.Status, last)
	}
	if len(c.store.offers) != 1 {
		t.Errorf("%d offers", len(c.store.offers))
	}
	if err := c.task(engine.TaskFollow, 100); err != nil {
		t.Errorf("what is over is not followed: %v", err)
	}
}

func TestAnIncidentThatWasOverBeforeProvesNothing(t *testing.T) {
	c := mendFixture(t)
	i := c.diagnosed(engine.ClassOOMKilled, outOfMemory("512Mi")...)
	i.Status, i.ResolvedAt = engine.Resolved, noon.Add(-time.Minute)
	c.plain.incidents[42] = i
	p := c.store.put(engine.Proposal{ID: 100, Incident: 42, Status: engine.ProposalDeployed, MergedAt: noon, DeployedAt: noon.Add(time.Minute)})
	if err := c.task(engine.TaskFollow, p.ID); err != nil || c.store.all[100].Status != engine.ProposalDeployed {
		t.Errorf("%v, %s", err, c.store.all[100].Status)
	}
}

func TestMendIsWithdrawn(t *testing.T) {
	for name, c := range map[string]struct {
		then   func(*changing)
		want   string // of the reason; "" for what stands
		offers int
	}{
		"the incident resolved": {func(c *changing) {
			i := c.plain.incidents[42]
			i.Status = engine.Resolved
			c.plain.incidents[42] = i
		}, "incident 42 is resolved", 1},
		"somebody raised it by hand": {func(c *changing) { c.values["memory"] = "2Gi" }, "payments/api memory is 2Gi by now", 1},
		"it was killed at another limit": {func(c *changing) {
			c.values["memory"] = "1Gi"
			c.forge.files["apps/api.yaml"] = strings.ReplaceAll(limitedManifest, "512Mi", "1Gi")
			c.diagnosed(engine.ClassOOMKilled, outOfMemory("1Gi")...)
		}, "other values now", 2},
		"the lines around it changed": {func(c *changing) {
			c.forge.files["apps/api.yaml"] = strings.ReplaceAll(limitedManifest, "# never enough", "# of 2024")
		}, "the file has changed", 2},
		"the file moved on elsewhere":        {func(c *changing) { c.forge.files["apps/api.yaml"] = "# ours\n" + limitedManifest }, "", 1},
		"the next diagnosis sees less of it": {func(c *changing) { c.diagnosed(engine.ClassOOMKilled) }, "", 1},
		"taking back what did it is offered": {func(c *changing) {
			c.store.put(engine.Proposal{ID: 9, Incident: 42, Reverts: 3, Status: engine.ProposalPending})
		}, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := mendFixture(t)
			f.diagnosed(engine.ClassOOMKilled, outOfMemory("512Mi")...)
			f.mendNow(t)
			c.then(f)
			f.mendNow(t)
			p := f.store.all[100]
			if stale := p.Status == engine.ProposalStale; stale != (c.want != "") || !strings.Contains(p.Reason, c.want) || len(f.store.offers) != c.offers {
				t.Errorf("%s: %q, %d offers", p.Status, p.Reason, len(f.store.offers))
			}
			if back, ok := f.store.all[9]; ok && back.Status != engine.ProposalPending {
				t.Error("what takes a change back is not withdrawn")
			}
		})
	}
}

func TestMendIsNotOffered(t *testing.T) {
	for name, then := range map[string]func(*changing){
		"the value is templated": func(c *changing) {
			c.forge.files["apps/api.yaml"] = strings.ReplaceAll(limitedManifest, "512Mi", "${MEMORY}")
		},
		"no GitHub":                func(c *changing) { c.Changes.Forge = nil },
		"no pull requests":         func(c *changing) { c.Changes = nil },
		"nobody knows where it is": func(c *changing) { c.Changes.Mappings = nil },
		"the object is gone":       func(c *changing) { c.absent = engine.Errorf(engine.NotFound, "there is no Deployment payments/api") },
		"another cluster":          func(c *changing) { c.Clusters = nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := mendFixture(t)
			c.diagnosed(engine.ClassOOMKilled, outOfMemory("512Mi")...)
			then(c)
			c.mendNow(t)
			if len(c.store.offers) != 0 {
				t.Errorf("offered %+v", c.store.offers)
			}
			told := c.plain.byHand
			if templated := name == "the value is templated"; len(told) > 0 != templated || templated && (!strings.HasPrefix(told[0], "42 By hand in acme/deploy, payments/api ") || !strings.Contains(told[0], "apps/api.yaml:")) {
				t.Errorf("told %q", told)
			}
		})
	}
	c := mendFixture(t)
	c.diagnosed(engine.ClassOOMKilled, outOfMemory("512Mi")...)
	c.absent = engine.Errorf(engine.Unavailable, "does not answer")
	if err := c.mend(context.Background(), engine.Task{IncidentID: 42}); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("a cluster that does not answer is asked again: %v", err)
	}
	c.absent, c.store.fail = nil, engine.Errorf(engine.Conflict, "payments/api memory is changed by proposal 3 already")
	c.store.all = nil
	offers := &onlyOffer{c.store}
	c.Changes.Proposals = offers
	if err := c.mend(context.Background(), engine.Task{IncidentID: 42}); err != nil {
		t.Errorf("what is changed already is no failure: %v", err)
	}
}

// onlyOffer fails with nothing but an offer.
type onlyOffer struct{ *fakeProposals }

func (onlyOffer) Proposals(context.Context, ProposalFilter) ([]engine.Proposal, error) {
	return nil, nil
}

func TestMendNamesTheTeam(t *testing.T) {
	c := mendFixture(t)
	c.Waste.Clusters = append(c.Waste.Clusters, WasteCluster{Name: "prod", Team: map[string]string{"payments": "shop"}})
	c.diagnosed(engine.ClassOOMKilled, outOfMemory("512Mi")...)
	c.mendNow(t)
	if len(c.store.offers) != 1 || c.store.offers[0].Items[0].Owner != (engine.Owner{Team: "shop", By: "configuration"}) {
		t.Errorf("%+v", c.store.offers)
	}
}
