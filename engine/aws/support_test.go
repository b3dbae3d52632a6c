package aws_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/engine/waste"
	standin "github.com/eks-autopilot/autopilot/test/aws"
)

// TestSupport reads the versions of two clusters page by page; EKS does not list that of the third.
func TestSupport(t *testing.T) {
	over := time.Date(2025, 11, 26, 0, 0, 0, 0, time.UTC)
	var versions []standin.ClusterVersion
	for _, v := range []string{"1.33", "1.32", "1.31", "1.30"} {
		versions = append(versions, standin.ClusterVersion{Version: v, Standard: over, Extended: over.AddDate(1, 0, 0)})
		over = over.AddDate(0, -4, 0)
	}
	of := func(name, version string) standin.Cluster {
		return standin.Cluster{Account: standin.DefaultIdentity.Account, Region: "eu-central-1", Name: name, Version: version}
	}
	s := standin.New(standin.Config{Page: 1, World: standin.World{
		Versions: versions, Clusters: []standin.Cluster{of("old", "1.30"), of("new", "1.33"), of("odd", "1.8")},
	}})
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	a, err := aws.Connect(t.Context(), aws.Config{
		Region: "eu-central-1", Endpoint: s.URL(), Backoff: time.Millisecond,
		Credentials: credentials.NewStaticCredentialsProvider(standin.DefaultIdentity.AccessKey, standin.DefaultIdentity.Secret, ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, gaps := a.Inventory(t.Context(), []string{"old", "new", "odd"})
	want := []waste.EKSCluster{
		{Name: "old", Version: "1.30", StandardUntil: time.Date(2024, 11, 26, 0, 0, 0, 0, time.UTC)},
		{Name: "new", Version: "1.33", StandardUntil: time.Date(2025, 11, 26, 0, 0, 0, 0, time.UTC)},
		{Name: "odd", Version: "1.8"},
	}
	if diff := cmp.Diff(want, got.Clusters); diff != "" || len(gaps) > 0 {
		t.Errorf("gaps %v, clusters (-want +got):\n%s", gaps, diff)
	}
}
