package collect

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestHostsThatArePerhapsServices(t *testing.T) {
	s := &subject{incident: incident("Deployment", "api")}
	for text, want := range map[string][]host{
		"cannot connect to db:5432":                              {{name: "db", namespace: "pay"}},
		"dial tcp: lookup db.data.svc.cluster.local:5432":        {{name: "db", namespace: "data"}},
		"postgres://user@db.data.svc:5432/x and http://cache:80": {{name: "db", namespace: "data"}, {name: "cache", namespace: "pay"}},
		"10.0.0.1:5432 refused":                                  nil,
		"localhost:8080 refused":                                 nil,
		"example.com:443 refused":                                nil, // outside the cluster
		"at 12:30:45 the line main.go:17 failed":                 nil,
	} {
		var got []host
		for _, name := range hostsIn(text) {
			got = s.addHost(got, name, "")
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(host{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func FuzzHostsIn(f *testing.F) {
	s := &subject{incident: incident("Deployment", "api")}
	for _, text := range []string{"db:5432", "a.b.svc:80", "-:12", "x..svc:443", "1.2.3.4:80"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got []host
		for _, name := range hostsIn(text) {
			got = s.addHost(got, name, "")
		}
		for _, h := range got {
			if !label.MatchString(h.name) || !label.MatchString(h.namespace) {
				t.Errorf("%q gives %+v, which no object can be called", text, h)
			}
		}
	})
}

func TestReferencesOfAPodThatCannotStart(t *testing.T) {
	yes := true
	is := template("api:1",
		corev1.EnvVar{Name: "DB_HOST", Value: "db"}, corev1.EnvVar{Name: "NOTE", Value: "db"}, corev1.EnvVar{Name: "CACHE_URL", Value: "redis://cache:6379"})
	is.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{
		{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "absent"}}},
		{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "maybe"}, Optional: &yes}},
	}
	is.Spec.Volumes = []corev1.Volume{
		{Name: "files", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "files"}, Items: []corev1.KeyToPath{{Key: "a"}, {Key: "b"}},
		}}},
		{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}},
	}
	p := podOf("api-1-a", "api-1", is)
	p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: `couldn't find key password in Secret pay/db-credentials`}}
	c := client(deployment(is), replicaSet(1, time.Hour, is), p, &corev1.ConfigMap{ObjectMeta: meta("files", time.Hour), BinaryData: map[string][]byte{"a": nil}})
	serves(c, nil)
	found, failed := gather(t, c, incident("Deployment", "api"))
	if len(failed) > 0 {
		t.Errorf("gaps: %v", failed)
	}
	wantTexts(t, "references", found,
		"ConfigMap absent does not exist",
		"key b of ConfigMap files does not exist",
		"ConfigMap files exists",
		"PersistentVolumeClaim data does not exist",
		"ServiceAccount api does not exist",
		"Service db does not exist: in namespace pay",
		"Service cache does not exist: in namespace pay",
		"key password of Secret db-credentials does not exist: the kubelet says: couldn't find key password in Secret pay/db-credentials")
	for _, a := range c.Actions() {
		if a.GetResource().Resource == "secrets" {
			t.Errorf("a Secret was asked for: %v", a)
		}
	}
}

func TestMissingSecretMessages(t *testing.T) {
	for message, want := range map[string][2]string{
		`secret "db" not found`:                 {"db", ""},
		`couldn't find key pw in Secret pay/db`: {"db", "pw"},
		`configmap "x" not found`:               {},
	} {
		p := podOf("p", "r", template("x"))
		p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Message: message}}
		s := &subject{incident: incident("Deployment", "api"), pods: []*corev1.Pod{p}}
		var got [2]string
		for _, e := range s.secretRefs() {
			got = [2]string{e.Fields["name"], e.Fields["key"]}
		}
		if got != want {
			t.Errorf("%s: %q; want %q", message, got, want)
		}
	}
}

func TestAnEditedConfigMapIsAChangeAndANewOneIsNot(t *testing.T) {
	is := template("api:1")
	is.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{
		{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "edited"}}},
		{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "fresh"}}},
	}
	config := func(name string, edited time.Duration) *corev1.ConfigMap {
		m := &corev1.ConfigMap{ObjectMeta: meta(name, 24*time.Hour), Data: map[string]string{"a": "hunter2"}}
		m.ManagedFields = []metav1.ManagedFieldsEntry{wrote("kubectl-edit", edited, `{}`)}
		return m
	}
	d := deployment(is)
	found, _ := gather(t, client(d, config("edited", 3*time.Minute), config("fresh", 24*time.Hour)), incident("Deployment", "api"))
	wantTexts(t, "changes", found, "ConfigMap edited was edited, 3m0s before the onset, kubectl-edit")
}
