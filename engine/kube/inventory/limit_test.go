package inventory

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
)

// TestTakeListsLimitRanges holds that what a namespace allows is known: without it a request would be proposed that the API refuses.
func TestTakeListsLimitRanges(t *testing.T) {
	least := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "least"}}
	kinds := map[schema.GroupVersionResource]string{}
	for _, versions := range [][]schema.GroupVersionResource{verticals, nodePools, snapshotContents, podBackups, dataUploads} {
		for _, v := range versions {
			kinds[v] = v.Resource + "List"
		}
	}
	c, gaps := Take(t.Context(), Source{
		Name: "prod", Client: fake.NewClientset(least), Dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds),
		Why: func(err error) string { return err.Error() },
	})
	if !c.Complete || len(gaps) > 0 || len(c.Limits) != 1 || c.Limits[0].Name != "least" {
		t.Errorf("complete %t, gaps %v, limit ranges %v; want the one that there is", c.Complete, gaps, c.Limits)
	}
}
