package e2e_test

import (
	"context"
	"time"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
)

// lively is a namespace in which much happens and nothing is wrong.
func lively(release string) string {
	return deployment("web", "sleep 2; touch /tmp/ready; echo release "+release+"; "+calm, "", probed) + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: slow}
spec:
  selector: {matchLabels: {app: slow}}
  template:
    metadata: {labels: {app: slow}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: app
          image: ` + cluster.BusyboxImage + `
          command: [sh, -c, "sleep 45; touch /tmp/ready; sleep 1000000"]
          ` + small + `
          startupProbe: {exec: {command: [test, -e, /tmp/ready]}, timeoutSeconds: 10, periodSeconds: 3, failureThreshold: 60}
          readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, timeoutSeconds: 10, periodSeconds: 5}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - {name: app, image: "` + cluster.BusyboxImage + `", command: [sh, -c, "sleep 3"], ` + small + `}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: often}
spec:
  schedule: "* * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - {name: app, image: "` + cluster.BusyboxImage + `", command: [sh, -c, "echo done"], ` + small + `}
`
}

// healthy keeps a namespace busy for three minutes, with the watch and the alerts looking on: there is nothing to tell. Its probes
// have time: a probe that a crowded machine runs out of is a trouble, and is told.
func healthy(w *world) {
	const namespace = "alert-healthy"
	play := func(steps ...scenario.Step) {
		w.t.Helper()
		w.must(w.player.Break(w.t.Context(), scenario.Scenario{Name: "healthy", Namespace: namespace, Break: steps}))
	}
	scale := func(replicas string) scenario.Step {
		return scenario.Step{Apply: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: wide}\nspec:\n  replicas: " + replicas + `
  selector: {matchLabels: {app: wide}}
  template:
    metadata: {labels: {app: wide}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - {name: app, image: "` + cluster.BusyboxImage + `", command: [sleep, "1000000"], ` + small + `}
`}
	}
	s := scenario.Scenario{Name: "healthy", Namespace: namespace}
	w.t.Cleanup(func() { w.must(w.player.End(context.Background(), s)) })
	w.must(w.player.Begin(w.t.Context(), s))
	began := time.Now()
	play(scenario.Step{Apply: lively("1")}, scale("1"), scenario.Step{WaitReady: "Deployment/web"}, scenario.Step{WaitReady: "Deployment/wide"})
	play(scenario.Step{Apply: lively("2")}, scale("4"), scenario.Step{WaitReady: "Deployment/web"}, scenario.Step{WaitReady: "Deployment/wide"})
	play(scenario.Step{WaitReady: "Deployment/slow"}, scale("1"), scenario.Step{WaitReady: "Deployment/wide"})
	time.Sleep(time.Until(began.Add(3 * time.Minute)))
	cards, err := w.reader.Cards(w.t.Context(), namespace)
	w.must(err)
	if len(cards) > 0 {
		w.t.Errorf("%d incidents where all is well\n%s", len(cards), w.channelText())
	}
}
