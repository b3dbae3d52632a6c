package change_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

var hurt = engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "api"}

// fact is a line of evidence, of "key=value" fields.
func fact(id string, k engine.EvidenceKind, container string, fields ...string) engine.Evidence {
	e := engine.Evidence{ID: id, Kind: k, Container: container, Fields: map[string]string{}}
	for _, f := range fields {
		key, value, _ := strings.Cut(f, "=")
		e.Fields[key] = value
	}
	return e
}

func revised(id, container, what, from, to string) engine.Evidence {
	return fact(id, engine.EvidenceChange, container, "revision=7", "what="+what, "from="+from, "to="+to)
}

func suffering(rule string, evidence ...engine.Evidence) engine.Incident {
	c := engine.Cause{Rule: rule, Confidence: 0.9}
	for _, e := range evidence {
		if !strings.HasPrefix(e.ID, "besides") {
			c.For = append(c.For, e.ID)
		}
	}
	return engine.Incident{ID: 42, Workload: hurt, Status: engine.Open, Diagnosis: engine.Diagnosis{Causes: []engine.Cause{c}, Evidence: evidence}}
}

func killed(limit string, more ...engine.Evidence) engine.Incident {
	return suffering("oom/limit", append([]engine.Evidence{
		fact("end", engine.EvidenceTermination, "app", "reason=OOMKilled"),
		fact("other", engine.EvidenceContainer, "sidecar", "memory_limit=1Gi"),
		fact("app", engine.EvidenceContainer, "app", "memory_limit="+limit),
	}, more...)...)
}

const asked = " every 10s, timeout 5s, fails after 3"

// lines are wishes in short: "app limit memory 512Mi → 640Mi".
func lines(m change.Mend) (out []string) {
	say := func(w engine.Wish) string {
		return strings.Join(strings.Fields(strings.Join([]string{w.Target.Container, string(w.Kind), w.Field, w.Old, "→", w.New}, " ")), " ")
	}
	for _, w := range m.Wishes {
		line := say(w)
		for _, with := range w.With {
			line += " with " + say(with)
		}
		out = append(out, line)
	}
	return out
}

func TestMendOf(t *testing.T) {
	guessed := suffering("rollout/change", revised("chg", "app", "env", "A=1", "A=2"))
	guessed.Diagnosis.Causes[0].Confidence = 0.3
	edited := suffering("rollout/change", fact("cm", engine.EvidenceChange, "", "what=configmap", "from=api", "to=edited"))
	edited.Diagnosis.Evidence[0].At = time.Date(2026, 11, 23, 10, 30, 0, 0, time.FixedZone("", 3600))
	unsure, over, templated := killed("512Mi"), killed("512Mi"), killed("512Mi")
	unsure.Diagnosis.Causes[0].Confidence = 0.3
	over.Status = engine.Resolved
	templated.Diagnosis.Causes = nil
	image := revised("img", "app", "image", "api:1.4.1", "api:1.4.2")
	for name, c := range map[string]struct {
		i     engine.Incident
		live  map[string]string // by kind and field
		want  []string
		title string
		says  string // of Because, or of why
	}{
		"a limit that was reached": {
			killed("512Mi"),
			map[string]string{"limit memory": "512Mi", "request memory": "256Mi"},
			[]string{"app limit memory 512Mi → 640Mi"},
			"payments/api memory limit 512 → 640 MiB", "at least 100 MiB",
		},
		"a guaranteed pod stays one": {
			killed("2Gi"),
			map[string]string{"limit memory": "2048Mi", "request memory": "2Gi"},
			[]string{"app limit memory 2Gi → 2560Mi", "app request memory 2Gi → 2560Mi"},
			"payments/api memory limit and request 2 → 2.5 GiB", "class of service",
		},
		"a small limit": {
			killed("64Mi"),
			map[string]string{"limit memory": "64Mi"},
			[]string{"app limit memory 64Mi → 192Mi"},
			"payments/api memory limit 64 → 192 MiB", "a quarter more",
		},
		"a large limit": {
			killed("10G"),
			map[string]string{"limit memory": "10G"},
			[]string{"app limit memory 10G → 12032Mi"},
			"payments/api memory limit 9.31 → 11.75 GiB", "rounded up to 256 MiB",
		},
		"a limit that a revision lowered": {
			killed("256Mi", revised("chg", "app", "resources", "limits.memory=1Gi", "limits.memory=256Mi")),
			map[string]string{"limit memory": "256Mi"},
			[]string{"app limit memory 256Mi → 1Gi"},
			"payments/api memory limit 256 MiB → 1 GiB", "Revision 7 lowered the limit",
		},
		"a revision that raised it, too little": {
			killed("256Mi", revised("chg", "app", "resources", "limits.memory=128Mi", "limits.memory=256Mi")),
			map[string]string{"limit memory": "256Mi"},
			[]string{"app limit memory 256Mi → 384Mi"},
			"payments/api memory limit 256 → 384 MiB", "The rule",
		},
		"another container's limit was lowered": {
			killed("256Mi", revised("chg", "sidecar", "resources", "limits.memory=1Gi", "limits.memory=256Mi")),
			map[string]string{"limit memory": "256Mi"},
			[]string{"app limit memory 256Mi → 384Mi"},
			"payments/api memory limit 256 → 384 MiB", "The rule",
		},
		"somebody raised it meanwhile": {killed("512Mi"), map[string]string{"limit memory": "1Gi"}, nil, "", `"1Gi" by now, not "512Mi"`},
		"no limit":                     {killed(""), nil, nil, "", "which limit"},
		"no quantity":                  {killed("lots"), nil, nil, "", "no quantity"},
		"not sure":                     {unsure, nil, nil, "", "likely enough"},
		"no cause":                     {templated, nil, nil, "", "likely enough"},
		"over":                         {over, nil, nil, "", "over"},
		"the node ran out":             {suffering("oom/node", fact("end", engine.EvidenceTermination, "app", "reason=OOMKilled")), nil, nil, "", "not rest on a change"},
		"a probe that asks elsewhere": {
			suffering("probe/after-change", revised("chg", "app", "probe", "liveness=GET http :8080/healthz"+asked, "liveness=GET http :8081/health every 10s, timeout 1s, fails after 3, first after 5s")),
			map[string]string{
				"probe livenessProbe.httpGet.path": "/health", "probe livenessProbe.httpGet.port": "8081", "probe livenessProbe.timeoutSeconds": "1",
				"probe livenessProbe.initialDelaySeconds": "5",
			},
			[]string{
				"app probe livenessProbe.httpGet.path /health → /healthz", "app probe livenessProbe.httpGet.port 8081 → 8080",
				"app probe livenessProbe.timeoutSeconds 1 → 5", "app probe livenessProbe.initialDelaySeconds 5 → 0",
			},
			"payments/api livenessProbe.httpGet.path /health → /healthz and 3 more", "Revision 7 changed the liveness probe",
		},
		"a probe's port": {
			suffering("probe/after-change", revised("chg", "app", "probe", "readiness=connect to :5432"+asked, "readiness=connect to :db"+asked)),
			map[string]string{"probe readinessProbe.tcpSocket.port": "db"},
			[]string{"app probe readinessProbe.tcpSocket.port db → 5432"},
			"payments/api readinessProbe.tcpSocket.port db → 5432", "readiness",
		},
		"a probe that asks in another way": {
			suffering("probe/after-change", revised("chg", "app", "probe", "liveness=run test -f /ok"+asked, "liveness=GET http :80/"+asked)),
			map[string]string{"revert probe liveness": "liveness=GET http :80/" + asked},
			[]string{"app revert probe liveness liveness=GET http :80/" + asked + " → liveness=run test -f /ok" + asked},
			"payments/api: probe liveness=GET http :80/" + asked + " → liveness=run test -f /ok" + asked, "Revision 7 changed probe liveness of container app",
		},
		"another command": {
			suffering("probe/after-change", revised("chg", "app", "probe", "liveness=run a"+asked, "liveness=run b"+asked)),
			map[string]string{"revert probe liveness": "liveness=run c" + asked},
			nil, "", "by now, not",
		},
		"a new probe": {
			suffering("probe/after-change", revised("chg", "app", "probe", "", "liveness=GET http :80/"+asked)),
			map[string]string{"revert probe liveness": "liveness=GET http :80/" + asked},
			[]string{"app revert probe liveness liveness=GET http :80/" + asked + " →"},
			"payments/api: probe without liveness=GET http :80/" + asked, "Revision 7 changed probe",
		},
		"a probe for the new image": {
			suffering("probe/after-change", revised("chg", "app", "probe", "liveness=GET http :80/a"+asked, "liveness=GET http :80/b"+asked), revised("besides", "app", "image", "a:1", "a:2")),
			map[string]string{"revert probe liveness": "liveness=GET http :80/b" + asked, "revert image": "a:2"},
			[]string{"app revert probe liveness liveness=GET http :80/b" + asked + " → liveness=GET http :80/a" + asked + " with app revert image a:2 → a:1"},
			"payments/api: probe liveness=GET http :80/b" + asked + " → liveness=GET http :80/a" + asked + " and 1 more", "Revision 7 changed probe",
		},
		"an image that is not there": {
			suffering("image/not-found", image),
			map[string]string{"image ": "api:1.4.2"},
			[]string{"app image api:1.4.2 → api:1.4.1"},
			"payments/api image api:1.4.2 → api:1.4.1", "nothing but the image",
		},
		"a crash of two new images": {
			suffering("crash/panic", image, revised("besides", "sidecar", "image", "p:1", "api:1.4.2")),
			map[string]string{"image ": "api:1.4.2"},
			[]string{"app image api:1.4.2 → api:1.4.1", "sidecar image api:1.4.2 → p:1"},
			"payments/api image api:1.4.2 → api:1.4.1 and 1 more", "nothing but the image",
		},
		"a restart beside it": {suffering("crash/panic", image, revised("besides", "", "restart", "", "")), map[string]string{"image ": "api:1.4.2"}, []string{"app image api:1.4.2 → api:1.4.1"}, "payments/api image api:1.4.2 → api:1.4.1", "nothing but"},
		"an image and its setting": {
			suffering("crash/panic", image, revised("besides", "app", "env", "A=1", "A=2")),
			map[string]string{"revert image": "api:1.4.2", "revert env A": "A=2"},
			[]string{"app revert image api:1.4.2 → api:1.4.1 with app revert env A A=2 → A=1"},
			"payments/api: image api:1.4.2 → api:1.4.1 and 1 more", "Revision 7 changed image",
		},
		"a new container":                        {suffering("crash/panic", revised("chg", "app", "image", "", "a:1")), map[string]string{"revert image": "a:1"}, []string{"app revert image a:1 →"}, "payments/api: image without a:1", "changed image of container app (a:1)"},
		"a registry that is away":                {suffering("image/unreachable", image), nil, nil, "", "would not help"},
		"a crash without a change":               {suffering("crash/panic"), nil, nil, "", "not rest on a change"},
		"a setting":                              {suffering("crash/panic", revised("chg", "app", "env", "A=1", "A=2")), map[string]string{"revert env A": "A=2"}, []string{"app revert env A A=2 → A=1"}, "payments/api: env A=2 → A=1", "env A of container app (1 → 2)"},
		"a setting, by a cause that is not sure": {guessed, map[string]string{"revert env A": "A=2"}, []string{"app revert env A A=2 → A=1"}, "payments/api: env A=2 → A=1", "Revision 7"},
		"a setting that is secret": {
			suffering("crash/panic", revised("chg", "app", "env", "A=***", "A=***")),
			map[string]string{"revert env A": "A=***", "revert revision": "7"},
			[]string{"app revert env A A=*** → A=*** with revert revision 7 →"},
			"payments/api: env A", "Revision 7",
		},
		"a setting that is another by now": {suffering("crash/panic", revised("chg", "app", "env", "A=1", "A=2")), map[string]string{"revert env A": "A=3"}, nil, "", `env A of payments/api is "A=3" by now`},
		"another field": {
			suffering("crash/panic", revised("chg", "", "template", "the revision before", "a change of another field")),
			map[string]string{"revert revision": "7"},
			[]string{"revert template a change of another field → the revision before with revert revision 7 →"},
			"payments/api: template", "changed template",
		},
		"a ConfigMap": {
			edited,
			map[string]string{"revert configmap api": "2026-11-23T09:30:00Z"},
			[]string{"revert configmap api 2026-11-23T09:30:00Z →"},
			"payments/api: ConfigMap api", "ConfigMap api was edited, and it began after that",
		},
		"a number of replicas": {
			suffering("schedule/insufficient", fact("size", engine.EvidenceChange, "", "what=replicas", "from=2", "to=200")),
			map[string]string{"revert replicas": "200"},
			[]string{"revert replicas 200 → 2"},
			"payments/api: replicas 200 → 2", "Its number of replicas was changed from 2 to 200, and it began after that",
		},
		"a ConfigMap that was edited again": {edited, map[string]string{"revert configmap api": "2026-11-23T09:40:00Z"}, nil, "", "by now"},
		"it was made":                       {suffering("crash/panic", revised("chg", "", "created", "", "")), nil, nil, "", "not rest on a change of an image"},
		"rolled back meanwhile":             {suffering("crash/panic", image), map[string]string{"image ": "api:1.4.1"}, nil, "", `"api:1.4.1" by now`},
	} {
		t.Run(name, func(t *testing.T) {
			m, why, err := change.MendOf(c.i, func(w engine.Wish) (string, error) { return c.live[string(w.Kind)+" "+w.Field], nil })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, lines(m)); diff != "" {
				t.Errorf("%s (%s)", diff, why)
			}
			if m.Title != c.title || (why == "") != (c.want != nil) || !strings.Contains(m.Because+why, c.says) {
				t.Errorf("title %q, because %q, why %q", m.Title, m.Because, why)
			}
			if c.want != nil && !change.Mendable(c.i) {
				t.Error("it can be mended, and does not look so")
			}
		})
	}
}

// Whatever the evidence says of a probe, what is put back are values that it names, and each only once.
func FuzzMendOfProbe(f *testing.F) {
	f.Add("liveness=GET http :8080/healthz"+asked, "liveness=GET https :http/ every 1s, timeout 1s, fails after 1, first after 30s")
	f.Add("readiness=connect to :5432"+asked, "readiness=connect to 10.0.0.1:5433"+asked)
	f.Add("startup=gRPC health check on port 9000"+asked, "startup=gRPC health check on port 9001"+asked)
	f.Add("liveness=run sh -c x every 10s, timeout 5s, fails after 3"+asked, "liveness=run"+asked)
	f.Fuzz(func(t *testing.T, from, to string) {
		i := suffering("probe/after-change", revised("chg", "app", "probe", from, to))
		m, why, err := change.MendOf(i, func(w engine.Wish) (string, error) { return w.Old, nil })
		if err != nil || (why == "") != (len(m.Wishes) > 0) {
			t.Fatal(m, why, err)
		}
		seen := map[string]bool{}
		for _, w := range m.Wishes {
			if w.Kind == engine.WishRevert { // of what is no value
				if w.Old != to || w.New != from || len(m.Wishes) != 1 {
					t.Fatalf("%q → %q: %+v", from, to, w)
				}
				continue
			}
			named := strings.Contains(strings.ToUpper(from), strings.ToUpper(w.New)) || w.New == "0"
			if !named || w.Old == w.New || w.New == "" || seen[w.Field] || !strings.Contains(w.Field, "Probe.") {
				t.Fatalf("%q → %q: %+v", from, to, w)
			}
			seen[w.Field] = true
		}
	})
}

// What cannot be read now is tried again; what is gone is no longer to be mended.
func TestMendOfAnObjectThatIsAway(t *testing.T) {
	for code, wanted := range map[engine.Code]engine.Code{
		engine.NotFound: "", engine.Invalid: "", engine.Forbidden: "", engine.Unavailable: engine.Unavailable,
	} {
		_, why, err := change.MendOf(killed("512Mi"), func(engine.Wish) (string, error) { return "", engine.Errorf(code, "away") })
		if got := engine.CodeOf(err); got != wanted || (why == "") == (wanted == "") {
			t.Errorf("%s: %v, %q", code, err, why)
		}
	}
}

// A limit that was reached is always raised by a quarter at least, to a quantity that a person can read, and never past twice what was
// asked for in large ones.
func TestALimitIsRaised(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(1, 1<<42).Draw(t, "limit")
		old := change.Quantity(limit, engine.Memory)
		m, why, err := change.MendOf(killed(old), func(w engine.Wish) (string, error) {
			return map[engine.WishKind]string{engine.WishLimit: old}[w.Kind], nil
		})
		if why != "" || err != nil {
			t.Fatal(why, err)
		}
		raised := m.Wishes[0].New
		if !change.Exceeds(raised, old, 1.249999) || !change.Exceeds(raised, change.Quantity(limit+(100<<20)-1, engine.Memory), 1) {
			t.Fatalf("%s is raised to %s", old, raised)
		}
		if change.Exceeds(raised, change.Quantity(limit+limit/4+(356<<20), engine.Memory), 1) {
			t.Fatalf("%s is raised to %s", old, raised)
		}
		if !strings.HasSuffix(raised, "Mi") && !strings.HasSuffix(raised, "Gi") {
			t.Fatalf("nobody reads %s", raised)
		}
	})
}
