package collect

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestDiffNamesEveryKindOfEdit(t *testing.T) {
	base := func() corev1.PodTemplateSpec {
		t := template("api:1", corev1.EnvVar{Name: "A", Value: "1"})
		t.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "m1"}}}}}
		return t
	}
	for name, tt := range map[string]struct {
		change func(*corev1.PodTemplateSpec)
		want   []string
	}{
		"nothing":          {func(*corev1.PodTemplateSpec) {}, nil},
		"image":            {func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Image = "api:2" }, []string{"image api:1 → api:2 (container app)"}},
		"command":          {func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Command = []string{"/a", "-b"} }, []string{"command added: /a -b (container app)"}},
		"variable changed": {func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Env[0].Value = "2" }, []string{"env A=1 → A=2 (container app)"}},
		"variable gone":    {func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Env = nil }, []string{"env removed: A=1 (container app)"}},
		"variable emptied": {func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Env[0].Value = "" }, []string{"env A=1 → A= (container app)"}},
		"from a Secret": {func(p *corev1.PodTemplateSpec) {
			p.Spec.Containers[0].Env[0] = corev1.EnvVar{Name: "A", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Key: "k"}}}
		}, []string{"env A=1 → A=(Secret s, key k) (container app)"}},
		"limit": {func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Resources.Limits = nil }, []string{"resources removed: limits.memory=128Mi (container app)"}},
		"probe": {func(p *corev1.PodTemplateSpec) {
			p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 5, InitialDelaySeconds: 3, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("http")}}}
		}, []string{"probe added: readiness=connect to :http every 5s, timeout 1s, fails after 1, first after 3s (container app)"}},
		"volume": {func(p *corev1.PodTemplateSpec) { p.Spec.Volumes[0].ConfigMap.Name = "m2" }, []string{"volume v=ConfigMap m1 → v=ConfigMap m2"}},
		"mount": {func(p *corev1.PodTemplateSpec) {
			p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/etc/x", SubPath: "y"}}
		}, []string{"mount added: /etc/x=v/y (container app)"}},
		"sidecar": {func(p *corev1.PodTemplateSpec) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "proxy", Image: "proxy:1"})
		}, []string{"container added: proxy:1 (container proxy)"}},
		"account":   {func(p *corev1.PodTemplateSpec) { p.Spec.ServiceAccountName = "other" }, []string{"account api → other"}},
		"placement": {func(p *corev1.PodTemplateSpec) { p.Spec.NodeSelector = map[string]string{"disk": "ssd"} }, []string{"placement added: disk=ssd"}},
		"restart": {func(p *corev1.PodTemplateSpec) {
			p.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-11-22T11:00:00Z"}
		}, []string{"restart"}},
		"config checksum": {func(p *corev1.PodTemplateSpec) { p.Annotations = map[string]string{"checksum/config": "abc"} }, []string{"config added: checksum/config=abc"}},
		"another field":   {func(p *corev1.PodTemplateSpec) { p.Spec.HostNetwork = true }, []string{"template the revision before → a change of another field"}},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := base(), base()
			tt.change(&to)
			var got []string
			for _, e := range diff(&from, &to) {
				got = append(got, e.String())
				if e.what == "restart" || e.what == "template" {
					continue
				}
				field := e.what
				if key, _, ok := strings.Cut(e.from+e.to, "="); ok {
					field += " " + key
				}
				if was, is := Setting(&from, e.container, field), Setting(&to, e.container, field); was != e.from || is != e.to {
					t.Errorf("%s is read as %q and %q; want %q and %q", field, was, is, e.from, e.to)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("edits (-want +got):\n%s", d)
			}
		})
	}
}

func TestAuthorNamesTheReleaseOrApplication(t *testing.T) {
	d := deployment(template("x"))
	d.Annotations = map[string]string{"meta.helm.sh/release-name": "shop", "argocd.argoproj.io/tracking-id": "shop-app:apps/Deployment:pay/api"}
	d.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"}
	for manager, want := range map[string]string{
		"helm": "helm shop", "argocd-controller": "argocd-controller shop-app", "kustomize-controller": "kustomize-controller apps",
		"helm-controller": "helm-controller", "kubectl-edit": "kubectl-edit", // whoever owns it, this edit was made by hand
	} {
		if got := author(manager, d); got != want {
			t.Errorf("author(%q) = %q; want %q", manager, got, want)
		}
	}
}
