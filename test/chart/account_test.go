package chart_test

import (
	"strings"
	"testing"
)

// accounts: a service account that somebody else makes is used, and not made again.
func accounts(t *testing.T, run func(...string) (string, string, error)) {
	const theirs = "serviceAccount: {create: false, name: watcher}\nchaos: {enabled: true, namespaces: [shop], serviceAccount: {create: false, name: breaker}}\n" +
		"config: {clusters: [{name: prod, in_cluster: true}], chaos: {enabled: true}}\nsecrets: {existingSecret: s}\n"
	out, errs, err := run("template", "ap", chartDir, "-n", "autopilot", "-f", valuesFile(t, theirs))
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	used := 0
	for _, o := range objects(t, out) {
		if o.GetKind() == "ServiceAccount" {
			t.Errorf("service account %s is made", o.GetName())
		}
		if o.GetKind() == "RoleBinding" || o.GetKind() == "Deployment" {
			used++
		}
	}
	for _, want := range []string{"serviceAccountName: watcher", "serviceAccountName: breaker"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing has %s", want)
		}
	}
	if used != 3 {
		t.Errorf("%d Deployments and RoleBindings, want two and one", used)
	}
}
