package detect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

// owners knows one pod, one ReplicaSet and one Job.
func owners(kind, namespace, name string) (engine.Workload, bool) {
	if w, ok := map[string]engine.Workload{
		"Pod/shop/cart-7d9f-x1":    {Namespace: "shop", Kind: "Deployment", Name: "cart"},
		"ReplicaSet/shop/cart-7d9": {Namespace: "shop", Kind: "Deployment", Name: "cart"},
		"Job/shop/report-2890":     {Namespace: "shop", Kind: "CronJob", Name: "report"},
	}[kind+"/"+namespace+"/"+name]; ok {
		return w, true
	}
	return engine.Workload{}, false
}

func TestAlertSubjects(t *testing.T) {
	cases := []struct {
		name   string
		labels string // key=value, by comma
		class  engine.Class
		want   string // Kind namespace/name
		object string
		node   string
	}{
		{"our own", "alertname=AutopilotCrashLoopBackOff,namespace=shop,pod=cart-7d9f-x1,container=app,node=n1,workload=cart,workload_kind=Deployment", engine.ClassCrashLoop, "Deployment shop/cart", "Pod/cart-7d9f-x1", "n1"},
		{"our own, about a service", "alertname=AutopilotHighLatency,namespace=shop,service=cart,quantile=0.99", engine.ClassHighLatency, "Service shop/cart", "", ""},
		{"our own, about a node", "alertname=AutopilotNodeNotReady,node=n1,workload=n1,workload_kind=Node", engine.ClassNodeNotReady, "Node n1", "Node/n1", "n1"},
		{"a pod of the mixin", "alertname=KubePodCrashLooping,namespace=shop,pod=cart-7d9f-x1,container=app", engine.ClassCrashLoop, "Deployment shop/cart", "Pod/cart-7d9f-x1", ""},
		{"a pod that is gone", "alertname=KubePodNotReady,namespace=shop,pod=old", engine.ClassReplicasMissing, "Pod shop/old", "Pod/old", ""},
		{"a Deployment, told by the exporter's pod", "alertname=KubeDeploymentReplicasMismatch,namespace=shop,deployment=cart,pod=kube-state-metrics-1,container=kube-state-metrics,job=kube-state-metrics", engine.ClassReplicasMissing, "Deployment shop/cart", "Deployment/cart", ""},
		{"a Job of a CronJob", "alertname=KubeJobFailed,namespace=shop,job_name=report-2890,job=kube-state-metrics", engine.ClassJobFailed, "CronJob shop/report", "Job/report-2890", ""},
		{"a node of the mixin", "alertname=KubeNodeNotReady,node=n1,namespace=monitoring,pod=kube-state-metrics-1", engine.ClassNodeNotReady, "Node n1", "Node/n1", "n1"},
		{"an autoscaler", "alertname=KubeHpaReplicasMismatch,namespace=shop,horizontalpodautoscaler=cart,job=kube-state-metrics", engine.ClassScalingStuck, "HorizontalPodAutoscaler shop/cart", "HorizontalPodAutoscaler/cart", ""},
		{"a part of the API", "alertname=KubeAggregatedAPIDown,name=v1beta1.metrics.k8s.io,namespace=default,job=apiserver", engine.ClassAPIDown, "APIService v1beta1.metrics.k8s.io", "APIService/v1beta1.metrics.k8s.io", ""},
		{"a node and nothing else", "alertname=NodeClockSkew,node=n1", engine.ClassAlert, "Node n1", "Node/n1", "n1"},
		{"a service's job", "alertname=HighErrorRate,namespace=shop,job=web", engine.ClassAlert, "Service shop/web", "", ""},
		{"an app", "alertname=HighErrorRate,namespace=shop,app=web,job=blackbox", engine.ClassAlert, "Service shop/web", "", ""},
		{"nothing", "alertname=CertificateExpires,instance=example.org", engine.ClassAlert, "Alert CertificateExpires", "", ""},
		{"not even a name", "", engine.ClassAlert, "Alert unnamed", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			labels := map[string]string{}
			for kv := range strings.SplitSeq(c.labels, ",") {
				if k, v, ok := strings.Cut(kv, "="); ok {
					labels[k] = v
				}
			}
			s := detect.Alert("prod", engine.Alert{Fingerprint: "fp", Labels: labels}, owners)
			if got := s.Workload.Kind + " " + s.Workload.String(); got != c.want || s.Workload.Cluster != "prod" {
				t.Errorf("workload %q of %q, want %q", got, s.Workload.Cluster, c.want)
			}
			if got := strings.Trim(s.Object.Kind+"/"+s.Object.Name, "/"); got != c.object {
				t.Errorf("object %q, want %q", got, c.object)
			}
			if s.Class != c.class || s.Node != c.node || s.ID != "fp" || s.Source != engine.SourceAlert {
				t.Errorf("class %s, node %q, id %q, source %s", s.Class, s.Node, s.ID, s.Source)
			}
			if want := labels["container"]; s.Object.Kind == "Pod" && s.Container != want || s.Object.Kind != "Pod" && s.Container != "" {
				t.Errorf("container %q", s.Container)
			}
		})
	}
}

func TestAlertTexts(t *testing.T) {
	start := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	a := engine.Alert{
		Fingerprint: "fp", Labels: map[string]string{"alertname": "X", "severity": "page"}, StartsAt: start, EndsAt: start.Add(time.Minute),
		Annotations: map[string]string{"description": "long", "summary": "short\nand more"},
	}
	s := detect.Alert("prod", a, owners)
	if s.Summary != "short" || s.Severity != engine.Critical || !s.StartsAt.Equal(start) || s.Firing() {
		t.Errorf("%+v", s)
	}
	s.Labels["alertname"] = "changed"
	if a.Labels["alertname"] != "X" {
		t.Error("the signal shares the alert's labels")
	}
	a.Annotations = map[string]string{"message": strings.Repeat("é", 400)}
	if s := detect.Alert("prod", a, owners); len(s.Summary) > 310 || !strings.HasSuffix(s.Summary, "é…") {
		t.Errorf("not cut at a character: %d bytes", len(s.Summary))
	}
	for label, want := range map[string]engine.Severity{"critical": engine.Critical, "Error": engine.Critical, "warning": engine.Warning, "": engine.Warning, "none": engine.Info, "info": engine.Info} {
		if got := detect.Alert("c", engine.Alert{Labels: map[string]string{"severity": label}}, owners).Severity; got != want {
			t.Errorf("severity %q is %s, want %s", label, got, want)
		}
	}
	if !detect.IsWatchdog(engine.Alert{Labels: map[string]string{"alertname": "Watchdog"}}) || detect.IsWatchdog(a) {
		t.Error("the watchdog is not told apart")
	}
}
