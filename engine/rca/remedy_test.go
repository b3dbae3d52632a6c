package rca

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestServiceOf(t *testing.T) {
	f := newFacts(incidentOf("Deployment"), nil, onset)
	for addr, want := range map[string][2]string{
		"db:5432": {"payments", "db"}, "db": {"payments", "db"}, "db.shop:5432": {"shop", "db"}, "DB.shop.svc.cluster.local:5432": {"shop", "db"},
		"example.com:443": {}, "db.eu-west-1.rds.amazonaws.com:5432": {}, "10.0.0.1:6379": {}, "[fd00::1]:6379": {}, "localhost:80": {}, "": {}, "$(x):1": {},
	} {
		if ns, name := f.serviceOf(addr); ns != want[0] || name != want[1] {
			t.Errorf("serviceOf(%q) = %q, %q; want %q", addr, ns, name, want)
		}
	}
}

func TestLogsAreThoseOfThePodThatFailed(t *testing.T) {
	well := piece(engine.EvidenceContainer, "id=well", "state=running", "ready=true")
	well.Object.Name = "api-old-1"
	for _, c := range []struct {
		name, kind string
		evidence   []engine.Evidence
		want       string
	}{
		{"nothing is known", "Deployment", nil, "kubectl -n payments logs deployment/api -c api --tail=100"},
		{"it restarted", "Deployment", []engine.Evidence{well, ended(1, "Error")}, "kubectl -n payments logs api-7d9f-x1 -c api --previous --tail=100"},
		{"it ended and stays so", "Job", []engine.Evidence{piece(engine.EvidenceContainer, "state=terminated"), ended(1, "Error")}, "kubectl -n payments logs api-7d9f-x1 -c api --tail=100"},
		{"it runs and is not ready", "Deployment", []engine.Evidence{well, piece(engine.EvidenceContainer, "state=running", "ready=false")}, "kubectl -n payments logs api-7d9f-x1 -c api --tail=100"},
		{"kubectl knows no logs of a CronJob", "CronJob", nil, ""},
		{"but those of its pod", "CronJob", []engine.Evidence{ended(1, "Error")}, "kubectl -n payments logs api-7d9f-x1 -c api --previous --tail=100"},
	} {
		if got := newFacts(incidentOf(c.kind), c.evidence, onset).logs("api"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTheWayBack(t *testing.T) {
	edit := func(what, by string) engine.Evidence {
		return piece(engine.EvidenceChange, "what="+what, "from=a", "to=b", "by="+by, "ago=1m")
	}
	owned := edit("image", "kubectl-edit")
	owned.Fields["git"] = "Argo CD"
	const undo = "kubectl -n payments rollout undo deployment/api"
	for _, c := range []struct {
		name, kind string
		change     engine.Evidence
		text, cmd  string
		want       engine.Step
	}{
		{"by a person", "Deployment", edit("image", "kubectl"), "Correct it.", "", engine.Step{Text: "Correct it; until then bring back the revision before:", Command: undo}},
		{"by helm", "Deployment", edit("image", "helm api"), "Read it.", "kubectl logs x", engine.Step{Text: "Bring back the revision before; then read it.", Command: undo}},
		{"from Git", "Deployment", edit("image", "argocd-controller shop"), "Correct it.", "", engine.Step{Text: "Correct it; until then revert the change in Git (argocd-controller takes back what is done by hand)."}},
		{"by a person, of what Git owns", "Deployment", owned, "Correct it.", "", engine.Step{Text: "Correct it; until then revert the change in Git (Argo CD takes back what is done by hand)."}},
		{"from Git, something to read", "Deployment", edit("image", "helm-controller"), "Read it.", "kubectl logs x", engine.Step{Text: "Revert the change in Git (helm-controller takes back what is done by hand); then read it.", Command: "kubectl logs x"}},
		{"a ConfigMap has no revisions", "Deployment", edit("configmap", "kubectl"), "Correct it.", "", engine.Step{Text: "Correct it."}},
		{"a number of replicas has none either", "Deployment", edit("replicas", "kubectl-scale"), "Correct it.", "", engine.Step{Text: "Correct it; until then scale it back:", Command: "kubectl -n payments scale deployment/api --replicas a"}},
		{"a number of replicas from Git", "Deployment", edit("replicas", "argocd-controller"), "Correct it.", "", engine.Step{Text: "Correct it; until then revert the change in Git (argocd-controller takes back what is done by hand)."}},
		{"nor has a Job", "Job", edit("image", "kubectl"), "Correct it.", "", engine.Step{Text: "Correct it."}},
	} {
		m := finding{strength: 0.5, text: "Why.", step: engine.Step{Text: c.text, Command: c.cmd}}
		m.because(newFacts(incidentOf(c.kind), []engine.Evidence{c.change}, onset), "image", "configmap", "replicas")
		if diff := cmp.Diff(c.want, m.step); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if m.text != "Why. The last change fits that." || m.strength <= 0.5 || len(m.pro) != 1 {
			t.Errorf("%s: %q, strength %v, %v", c.name, m.text, m.strength, m.pro)
		}
	}
}

// TestTheMostTellingStandsFirst holds the order in which a cause names its evidence: a card quotes from the front.
func TestTheMostTellingStandsFirst(t *testing.T) {
	d := Rank(incidentOf("Deployment", engine.ClassCrashLoop), []engine.Evidence{
		ended(3, "Error"), logLine("FATAL: cannot connect to db:5432: connection refused"),
		piece(engine.EvidenceReference, "id=ref", "kind=Service", "name=db", "exists=false"),
		piece(engine.EvidenceChange, "id=edit", "what=env", "from=A=1", "to=A=2", "ago=1m"),
	}, nil, nil, onset)
	want := []string{"log/FATAL: cannot connect to db:5432: connection refused", "ref", "end", "edit"}
	if diff := cmp.Diff(want, d.Causes[0].For); diff != "" {
		t.Error(diff)
	}
}

func TestAnotherNumberOfReplicasIsScaledBack(t *testing.T) {
	e := piece(engine.EvidenceChange, "id=size", "what=replicas", "from=2", "to=200", "by=kubectl-scale", "ago=1m")
	d := Rank(incidentOf("Deployment", engine.ClassReplicasMissing), []engine.Evidence{e}, nil, nil, onset)
	if c, ok := d.Cause(""); !ok || c.Rule != "rollout/change" || c.Step.Command != "kubectl -n payments scale deployment/api --replicas 2" || c.Step.Text != "Scale it back, then look at the change in peace." {
		t.Errorf("%+v", d.Causes)
	}
	e.Fields["back_after"] = "40s"
	if d := Rank(incidentOf("Deployment", engine.ClassReplicasMissing), []engine.Evidence{e}, nil, nil, onset); len(d.Causes) > 0 || d.LastChange == nil {
		t.Errorf("put back: %+v, last change %+v", d.Causes, d.LastChange)
	}
}

func TestANewWorkloadHasNoChange(t *testing.T) {
	made := piece(engine.EvidenceChange, "what=created", "revision=1", "by=scenario", "ago=1s")
	if got := Rank(incidentOf("Deployment"), []engine.Evidence{made}, nil, nil, onset).LastChange; got == nil || !got.New || got.By != "scenario" {
		t.Errorf("last change %+v, want a new workload by scenario", got)
	}
}
