package waste

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOriginOf(t *testing.T) {
	tests := map[string]struct {
		tags map[string]string
		want origin
	}{
		"nothing":          {nil, origin{}},
		"people":           {map[string]string{"Name": "scratch", "team": "data"}, origin{}},
		"cluster":          {map[string]string{"kubernetes.io/cluster/a": "owned"}, origin{kubernetes: true, clusters: []string{"a"}}},
		"two clusters":     {map[string]string{"kubernetes.io/cluster/b": "shared", "KubernetesCluster": "a"}, origin{kubernetes: true, clusters: []string{"a", "b"}}},
		"twice the same":   {map[string]string{"kubernetes.io/cluster/a": "owned", "eks:cluster-name": "a"}, origin{kubernetes: true, clusters: []string{"a"}}},
		"driver":           {map[string]string{"ebs.csi.aws.com/cluster": "true"}, origin{kubernetes: true}},
		"driver with name": {map[string]string{"ebs.csi.aws.com/cluster": "a"}, origin{kubernetes: true, clusters: []string{"a"}}},
		"no name":          {map[string]string{"KubernetesCluster": ""}, origin{}},
		"claim": {map[string]string{
			"kubernetes.io/created-for/pvc/name": "c", "kubernetes.io/created-for/pvc/namespace": "n", "kubernetes.io/created-for/pv/name": "p",
		}, origin{kubernetes: true, namespace: "n", claim: "c", pv: "p"}},
		"driver's name of it": {map[string]string{"CSIVolumeName": "pvc-1"}, origin{kubernetes: true, pv: "pvc-1"}},
		"provisioner of old":  {map[string]string{"Name": "kubernetes-dynamic-pvc-1"}, origin{kubernetes: true}},
	}
	for name, test := range tests {
		if d := cmp.Diff(test.want, originOf(test.tags), cmp.AllowUnexported(origin{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestKeptBy(t *testing.T) {
	for tag, want := range map[string]bool{
		"keep=true": true, "Keep=": true, "acme.io/do-not-delete=1": true, "Do Not Delete=yes": true, "don't_delete=x": true, "retention=7y": true, "policy=retain": true,
		"keep=false": false, "keep=No": false, "protect=0": false, "keeper=anna": false, "Name=keepalived": false, "team=retail": false,
	} {
		key, value, _ := strings.Cut(tag, "=")
		if got := keptBy(map[string]string{key: value}); (got != "") != want {
			t.Errorf("%s: %q, want kept %v", tag, got, want)
		}
	}
}

func TestStrangers(t *testing.T) {
	w := newDiskWorld()
	w.account().Instances = []Instance{{Tags: map[string]string{"kubernetes.io/cluster/prod-eks": "owned"}}, {Tags: map[string]string{"eks:cluster-name": "zoo"}}}
	w.account().Groups = []NodeGroup{{Cluster: "ape"}, {Cluster: "prod-eks"}, {Tags: map[string]string{"kubernetes.io/cluster/bee": "owned"}}}
	// A cluster of the same name elsewhere is another one.
	w.account().Volumes = append(w.account().Volumes, Volume{Tags: map[string]string{"KubernetesCluster": "stage-eks"}})
	if d := cmp.Diff([]string{"ape", "bee", "stage-eks", "zoo"}, w.strangers(w.account())); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// FuzzShell holds the quoting of names against a real shell: whatever the word, it stays one word.
func FuzzShell(f *testing.F) {
	for _, word := range []string{"", "prod", "my prod", "a'b", "$(reboot)", "-x", "a;b", "a\\", "arn:aws:eks:eu-west-1:111:cluster/prod", "ü", "*"} {
		f.Add(word)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if strings.ContainsRune(word, 0) {
			return // no argument of a program can hold it
		}
		out, err := exec.Command(sh, "-c", "printf %s "+shell(word)).Output()
		if word == "" || word[0] == '-' {
			out, err = exec.Command(sh, "-c", "printf %s -- "+shell(word)).Output()
			word = "--" + word
		}
		if err != nil || string(out) != word {
			t.Errorf("%q quoted as %s comes back as %q (%v)", word, shell(word), out, err)
		}
	})
}

// FuzzOriginOf holds that no tag makes it fail, and that what names a cluster was made by one.
func FuzzOriginOf(f *testing.F) {
	f.Add("kubernetes.io/cluster/", "owned")
	f.Add("KubernetesCluster", "a")
	f.Add("ebs.csi.aws.com/cluster", "true")
	f.Fuzz(func(t *testing.T, key, value string) {
		tags := map[string]string{key: value}
		before := maps.Clone(tags)
		o := originOf(tags)
		if len(o.clusters) > 0 && !o.kubernetes || slices.Contains(o.clusters, "") {
			t.Errorf("%q=%q: %+v", key, value, o)
		}
		keptBy(tags)
		managedBy(tags)
		if !maps.Equal(before, tags) {
			t.Errorf("the tags were changed: %v", tags)
		}
	})
}
