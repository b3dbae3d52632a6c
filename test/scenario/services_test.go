package scenario_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/test/scenario"
)

// TestServicesAreFitToBeBroken holds what experiments want of what they break: limits, probes, budgets, a label on the namespace, and names
// that are those of services which are there.
func TestServicesAreFitToBeBroken(t *testing.T) {
	s := scenario.Services("town", "example.com/chaos=yes", 20)
	manifests := s.Setup[0].Apply
	if strings.Contains(manifests, "${") {
		t.Error("a variable is not filled in")
	}
	budgets, served := map[string]bool{}, map[string]bool{}
	var asked []string
	var workloads []string
	for doc := range strings.SplitSeq(manifests, "\n---\n") {
		var o struct {
			Kind     string `json:"kind"`
			Metadata struct {
				Name   string            `json:"name"`
				Labels map[string]string `json:"labels"`
			} `json:"metadata"`
			Spec struct {
				Replicas int                    `json:"replicas"`
				Template corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		switch o.Kind {
		case "Namespace":
			if o.Metadata.Name != "town" || o.Metadata.Labels["example.com/chaos"] != "yes" {
				t.Errorf("the namespace is %+v", o.Metadata)
			}
		case "PodDisruptionBudget":
			budgets[o.Metadata.Name] = true
		case "Service":
			served[o.Metadata.Name] = true
		default:
			workloads = append(workloads, o.Kind+"/"+o.Metadata.Name)
			c := o.Spec.Template.Spec.Containers[0]
			if c.Resources.Limits.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || c.ReadinessProbe == nil {
				t.Errorf("%s: %+v", o.Metadata.Name, c)
			}
			if o.Metadata.Name != "customers" && (o.Spec.Replicas < 2 || c.LivenessProbe == nil) {
				t.Errorf("%s has %d replicas, or no liveness probe", o.Metadata.Name, o.Spec.Replicas)
			}
			for _, e := range c.Env {
				for callee := range strings.SplitSeq(e.Value, ",") {
					name, _, _ := strings.Cut(callee, ":")
					asked = append(asked, name)
				}
			}
		}
	}
	for _, name := range asked {
		if !served[name] {
			t.Errorf("somebody asks %s, which is no service", name)
		}
	}
	for _, w := range scenario.Served {
		if _, name, _ := strings.Cut(w, "/"); !budgets[name] || !served[name] {
			t.Errorf("%s has no budget or no service", w)
		}
		if !strings.Contains(strings.Join(workloads, " "), w) {
			t.Errorf("%s is not there: %q", w, workloads)
		}
	}
}
