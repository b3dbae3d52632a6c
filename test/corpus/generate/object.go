package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// pair is a key and its value: a string, an int, a bool, nil, text of several lines, pairs, or a list of such.
type pair struct {
	key   string
	value any
}

type pairs []pair

// lines is text that is written as a block where the handwriting can.
type lines string

func (p pairs) get(key string) any {
	for _, one := range p {
		if one.key == key {
			return one.value
		}
	}
	return nil
}

// objects make an object of one kind each.
var objects = []func(r *rand.Rand) pairs{
	workload("Deployment"), workload("StatefulSet"), workload("DaemonSet"), workload("Deployment"), cronJob, autoscaler, configMap,
	volume, claim, kustomization, patchOperations, values, helmRelease, service, custom,
}

var words = []string{"api", "web", "worker", "billing", "search", "mailer", "gateway", "ledger", "übersetzer", "cache", "stream", "日誌"}

func one[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func name(r *rand.Rand) string { return one(r, words...) + one(r, "", "", "-v2", "-eu", ".internal") }

func cpu(r *rand.Rand) any {
	return one[any](r, fmt.Sprintf("%dm", 10+r.IntN(4000)), 1+r.IntN(8), "0.5", "1.25", "2", ".25", "1e1")
}

func memory(r *rand.Rand) any {
	return one[any](r, fmt.Sprintf("%dMi", 16+r.IntN(4096)), fmt.Sprintf("%dGi", 1+r.IntN(64)), "1.5Gi", "2G", "536870912", 1073741824, "1e9", "128974848k")
}

func header(r *rand.Rand, version, kind string) pairs {
	meta := pairs{{"name", name(r)}}
	if r.IntN(2) == 0 {
		meta = append(meta, pair{"namespace", one(r, "payments", "shop", "kube-system", "default")})
	}
	if r.IntN(2) == 0 {
		meta = append(meta, pair{"labels", labels(r)})
	}
	if r.IntN(3) == 0 {
		meta = append(meta, pair{"annotations", pairs{
			{"example.org/note", one(r, "it's \"fine\": really", "a # b", "größer als früher", "line one\nline two", "- no list", "{no map}", "yes", "12")},
			{"checksum/config", fmt.Sprintf("%016x", r.Uint64())},
		}})
	}
	p := pairs{{"apiVersion", version}, {"kind", kind}, {"metadata", meta}}
	if r.IntN(4) == 0 {
		p[0], p[1] = p[1], p[0]
	}
	return p
}

func labels(r *rand.Rand) pairs {
	return pairs{{"app.kubernetes.io/name", name(r)}, {"team", one(r, "payments", "søk", "on", "007")}, {"tier", one[any](r, "web", 1, true, "~")}}
}

func resources(r *rand.Rand) pairs {
	requests := pairs{{"cpu", cpu(r)}, {"memory", memory(r)}}
	if r.IntN(4) == 0 {
		requests = requests[r.IntN(2):][:1]
	}
	p := pairs{{"requests", requests}}
	switch r.IntN(4) {
	case 0:
		p = append(p, pair{"limits", pairs{{"memory", memory(r)}}})
	case 1:
		p = append(pairs{{"limits", pairs{{"memory", memory(r)}, {"cpu", cpu(r)}}}}, p...)
	case 2:
		return pairs{}
	}
	return p
}

func container(r *rand.Rand) any {
	p := pairs{{"name", name(r)}, {"image", fmt.Sprintf("registry.example.org:5000/%s:%d.%d", one(r, words[:8]...), r.IntN(9), r.IntN(30))}}
	if r.IntN(2) == 0 {
		p = append(p, pair{"env", []any{pairs{{"name", "LEVEL"}, {"value", one(r, "info", "1", "", "true", "a,b: c")}}, pairs{{"name", "EMPTY"}, {"value", nil}}}})
	}
	if r.IntN(3) == 0 {
		p = append(p, pair{"args", []any{"--size=10", "-v", "2", "--expr=a > b # c", lines("set -e\nexec run \\\n  --all\n")}})
	}
	if r.IntN(5) > 0 {
		p = append(p, pair{"resources", resources(r)})
	}
	if r.IntN(3) == 0 {
		p = append(p, pair{"livenessProbe", pairs{{"httpGet", pairs{{"path", "/healthz"}, {"port", 8080}}}, {"timeoutSeconds", 1 + r.IntN(9)}}})
	}
	return p
}

func podSpec(r *rand.Rand) pairs {
	var list []any
	for range 1 + r.IntN(3) {
		list = append(list, container(r))
	}
	p := pairs{{"containers", list}}
	if r.IntN(3) == 0 {
		p = append(pairs{{"initContainers", []any{container(r)}}, {"serviceAccountName", name(r)}}, p...)
	}
	if r.IntN(4) == 0 {
		p = append(p, pair{"tolerations", []any{}}, pair{"nodeSelector", pairs{}})
	}
	return p
}

func workload(kind string) func(r *rand.Rand) pairs {
	return func(r *rand.Rand) pairs {
		return append(header(r, "apps/v1", kind), pair{"spec", pairs{
			{"replicas", r.IntN(20)},
			{"selector", pairs{{"matchLabels", labels(r)}}},
			{"template", pairs{{"metadata", pairs{{"labels", labels(r)}}}, {"spec", podSpec(r)}}},
		}})
	}
}

func cronJob(r *rand.Rand) pairs {
	return append(header(r, "batch/v1", "CronJob"), pair{"spec", pairs{
		{"schedule", one(r, "*/5 * * * *", "0 3 * * 1-5", "@daily")},
		{"suspend", r.IntN(2) == 0},
		{"jobTemplate", pairs{{"spec", pairs{{"template", pairs{{"spec", podSpec(r)}}}}}}},
	}})
}

func autoscaler(r *rand.Rand) pairs {
	metric := func(name string) any {
		return pairs{{"type", "Resource"}, {"resource", pairs{{"name", name}, {"target", pairs{{"type", "Utilization"}, {"averageUtilization", 40 + r.IntN(60)}}}}}}
	}
	return append(header(r, "autoscaling/v2", "HorizontalPodAutoscaler"), pair{"spec", pairs{
		{"minReplicas", 1 + r.IntN(3)}, {"maxReplicas", 5 + r.IntN(50)}, {"metrics", []any{metric("cpu"), metric("memory")}[:1+r.IntN(2)]},
	}})
}

func configMap(r *rand.Rand) pairs {
	return append(header(r, "v1", "ConfigMap"), pair{"data", pairs{
		{"config.yaml", lines("server:\n  port: 8080 # inner\n\n  memory: 2Gi\nlist:\n- a\n-   b\n")},
		{"script.sh", lines("#!/bin/sh\nset -eu\n\techo \"$1\"\n")},
		{"one", "1"},
		{"empty", ""},
		{"long", strings.Repeat("wort über wort ", 5+r.IntN(60)) + "end"},
		{"json", `{"a": [1, 2, {"b": null}]}`},
		{"regex", `^[a-z]+\.(yaml|yml)$`},
		{"windows", `C:\temp\x`},
	}[r.IntN(4):]})
}

func volume(r *rand.Rand) pairs {
	return append(header(r, "v1", "PersistentVolume"), pair{"spec", pairs{
		{"capacity", pairs{{"storage", memory(r)}}},
		{"accessModes", []any{"ReadWriteOnce"}},
		{"csi", pairs{{"driver", "ebs.csi.aws.com"}, {"volumeHandle", fmt.Sprintf("vol-%017x", r.Uint64()>>4)}}},
	}})
}

func claim(r *rand.Rand) pairs {
	return append(header(r, "v1", "PersistentVolumeClaim"), pair{"spec", pairs{
		{"storageClassName", one[any](r, "", "gp3", nil)}, {"resources", pairs{{"requests", pairs{{"storage", memory(r)}}}}},
	}})
}

func kustomization(r *rand.Rand) pairs {
	return pairs{
		{"apiVersion", "kustomize.config.k8s.io/v1beta1"},
		{"kind", "Kustomization"},
		{"namespace", one(r, "shop", "payments")},
		{"resources", []any{"../../base", "ingress.yaml", "https://github.com/example/base//api?ref=v1.2"}[:1+r.IntN(3)]},
		{"images", []any{pairs{{"name", name(r)}, {"newTag", one(r, "1.10", "v2", "2024.11.3")}}}},
		{"patches", []any{
			pairs{{"target", pairs{{"kind", "Deployment"}, {"name", name(r)}}}, {"patch", lines("- op: replace\n  path: /spec/replicas\n  value: 3 # by hand\n")}},
			pairs{{"path", "memory.yaml"}},
		}},
	}
}

func patchOperations(r *rand.Rand) pairs {
	return pairs{{"kind", "Component"}, {"patches", []any{pairs{
		{"patch", lines(fmt.Sprintf("kind: Deployment\nmetadata: {name: %s}\nspec:\n  template:\n    spec:\n      containers:\n      - name: x\n        resources: {requests: {memory: %v}}\n", name(r), memory(r)))},
	}}}}
}

func values(r *rand.Rand) pairs {
	return pairs{
		{"kind", "Values"},
		{"replicaCount", r.IntN(9)},
		{"image", pairs{{"repository", name(r)}, {"tag", one(r, "", "1.10", "latest")}}},
		{"resources", resources(r)},
		{"podAnnotations", pairs{}},
		{"tolerations", []any{}},
		{"autoscaling", pairs{{"enabled", r.IntN(2) == 0}, {"targetCPUUtilizationPercentage", 80}}},
		{name(r), pairs{{"enabled", true}, {"resources", resources(r)}, {"extraEnv", lines("- name: A\n  value: \"1\"\n")}}},
	}
}

func helmRelease(r *rand.Rand) pairs {
	return append(header(r, "helm.toolkit.fluxcd.io/v2", "HelmRelease"), pair{"spec", pairs{
		{"interval", "10m"}, {"chart", pairs{{"spec", pairs{{"chart", "./charts/" + one(r, words[:8]...)}, {"version", ">=1.0.0 <2.0.0"}}}}}, {"values", values(r)[1:]},
	}})
}

func service(r *rand.Rand) pairs {
	return append(header(r, "v1", "Service"), pair{"spec", pairs{
		{"type", one(r, "ClusterIP", "LoadBalancer")},
		{"ports", []any{pairs{{"name", "http"}, {"port", 80}, {"targetPort", one[any](r, 8080, "http")}}}},
		{"loadBalancerSourceRanges", []any{"10.0.0.0/8", "2001:db8::/32"}},
	}})
}

func custom(r *rand.Rand) pairs {
	return append(header(r, "example.org/v1alpha1", one(r, "Database", "Rollout", "NodePool")), pair{"spec", pairs{
		{"size", one[any](r, "small", 3, 1.5, "1.50")},
		{"template", pairs{{"spec", podSpec(r)}}},
		{"matrix", []any{[]any{1, 2}, []any{[]any{}, pairs{}}, []any{"a", []any{"b"}}}},
		{"enabled", one[any](r, true, "yes", "off")},
	}})
}
