package stand

import (
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// What is applied is what is shipped, of the industries that were asked for, with as many customers as were asked for, and with a volume for each
// claim.
func TestIndustryManifests(t *testing.T) {
	names, err := IndustryNames()
	if err != nil || len(names) != 19 {
		t.Fatalf("there are %d industries: %v", len(names), err)
	}
	text, err := industryManifests([]string{"retail", "pharma"}, 7)
	if err != nil {
		t.Fatal(err)
	}
	var namespaces []string
	claims := map[string]bool{}
	for doc := range strings.SplitSeq("\n"+text, "\n---") {
		var d appsv1.Deployment
		if err := yaml.Unmarshal([]byte(doc), &d); err != nil {
			t.Fatal(err)
		}
		switch {
		case d.Kind == "Namespace":
			namespaces = append(namespaces, d.Name)
		case d.Kind == "Deployment" && d.Name == "customers":
			args := strings.Join(d.Spec.Template.Spec.Containers[0].Args, " ")
			if !strings.HasSuffix(args, "-rate 7 -pattern steady") {
				t.Errorf("customers of %s: %s", d.Namespace, args)
			}
		case d.Kind == "StatefulSet":
			claims[d.Namespace+"/data-"+d.Name+"-0"] = true
		}
		if d.Kind == "Deployment" && *d.Spec.Replicas != 1 {
			t.Errorf("%s/%s has %d replicas, want one as small says", d.Namespace, d.Name, *d.Spec.Replicas)
		}
	}
	slices.Sort(namespaces)
	if diff := cmp.Diff([]string{"pharma", "retail"}, namespaces); diff != "" {
		t.Error(diff)
	}
	volumes, err := industryVolumes(text)
	if err != nil {
		t.Fatal(err)
	}
	var bound []string
	for doc := range strings.SplitSeq("\n"+volumes, "\n---") {
		var v corev1.PersistentVolume
		if err := yaml.UnmarshalStrict([]byte(doc), &v); err != nil {
			t.Fatal(err)
		}
		claim := v.Spec.ClaimRef.Namespace + "/" + v.Spec.ClaimRef.Name
		bound = append(bound, claim)
		if !claims[claim] || !strings.HasPrefix(v.Spec.HostPath.Path, "/var/lib/volumes/") || v.Spec.Capacity.Storage().String() != "1Gi" {
			t.Errorf("volume %+v is for no claim, or not as it asks", v.Spec)
		}
	}
	if len(bound) != len(claims) || len(bound) != 2 {
		t.Errorf("volumes for %v, want %v", bound, claims)
	}
}

func TestIndustriesThatAreNotThere(t *testing.T) {
	for _, c := range []struct {
		names []string
		rate  int
		says  string
	}{
		{[]string{"piracy"}, 1, `no industry "piracy"; there are agriculture`},
		{nil, 1, "want one or more"},
		{[]string{"retail"}, 0, "want one or more"},
	} {
		if _, err := industryManifests(c.names, c.rate); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v at %d: %v, want %q", c.names, c.rate, err, c.says)
		}
	}
}

func TestByNamespace(t *testing.T) {
	answer := `{"status":"success","data":{"resultType":"vector","result":[
		{"metric":{"namespace":"retail"},"value":[1,"2.5"]},{"metric":{"namespace":"pharma"},"value":[1,"NaN"]}]}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("query") != "up" {
			answer = `{"status":"error","error":"parse error"}`
		}
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	p := &Prometheus{Port: number}
	got, err := p.ByNamespace(t.Context(), "up")
	if diff := cmp.Diff(map[string]float64{"retail": 2.5}, got); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}
	if _, err := p.ByNamespace(t.Context(), "up("); err == nil || !strings.Contains(err.Error(), "parse error") {
		t.Errorf("a query that is none: %v", err)
	}
}
