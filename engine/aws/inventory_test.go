package aws

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// The answers are the examples of the AWS API references, shortened to what is read and with what is rare put in.
const (
	instances1 = `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf</requestId><reservationSet><item>
  <reservationId>r-1234567890abcdef0</reservationId><ownerId>123456789012</ownerId><instancesSet><item>
    <instanceId>i-1234567890abcdef0</instanceId><instanceState><code>16</code><name>running</name></instanceState>
    <privateDnsName>ip-192-168-1-88.eu-west-1.compute.internal</privateDnsName><instanceType>m7i.xlarge</instanceType>
    <launchTime>2026-11-08T16:46:19.000Z</launchTime><placement><availabilityZone>eu-west-1c</availabilityZone><tenancy>default</tenancy></placement>
    <instanceLifecycle>spot</instanceLifecycle>
    <tagSet><item><key>Name</key><value>Server_1</value></item><item><key>aws:autoscaling:groupName</key><value>eks-workers-1</value></item></tagSet>
  </item></instancesSet></item></reservationSet><nextToken>page-2</nextToken></DescribeInstancesResponse>`
	instances2 = `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item><instancesSet><item>
    <instanceId>i-0stopped</instanceId><instanceState><code>80</code><name>stopped</name></instanceState><instanceType>t3.small</instanceType>
  </item></instancesSet></item></reservationSet></DescribeInstancesResponse>`
	volumes1 = `<DescribeVolumesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>59dbff89</requestId><volumeSet><item>
    <volumeId>vol-1234567890abcdef0</volumeId><size>80</size><snapshotId/><availabilityZone>us-east-1a</availabilityZone><status>in-use</status>
    <createTime>2026-01-02T03:04:05.000Z</createTime><attachmentSet><item><volumeId>vol-1234567890abcdef0</volumeId><instanceId>i-0stopped</instanceId>
      <device>/dev/sdh</device><status>attached</status><attachTime>2026-01-02T03:05:05.000Z</attachTime></item></attachmentSet>
    <volumeType>gp3</volumeType><iops>4000</iops><throughput>250</throughput><encrypted>true</encrypted><multiAttachEnabled>false</multiAttachEnabled>
    <tagSet><item><key>kubernetes.io/created-for/pvc/name</key><value>data-db-0</value></item></tagSet></item></volumeSet></DescribeVolumesResponse>`
	snapshots1 = `<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><snapshotSet><item><snapshotId>snap-1234567890abcdef0</snapshotId>
    <volumeId>vol-1234567890abcdef0</volumeId><status>completed</status><startTime>2026-11-01T00:00:00.000Z</startTime><progress>80%</progress>
    <ownerId>123456789012</ownerId><volumeSize>80</volumeSize></item></snapshotSet></DescribeSnapshotsResponse>`
	groups1 = `<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>
    <AutoScalingGroupName>eks-workers-1</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>9</MaxSize><DesiredCapacity>5</DesiredCapacity>
    <AvailabilityZones><member>eu-west-1b</member><member>eu-west-1c</member></AvailabilityZones>
    <Instances><member><InstanceId>i-1234567890abcdef0</InstanceId><ProtectedFromScaleIn>true</ProtectedFromScaleIn></member></Instances>
    <SuspendedProcesses><member><ProcessName>AZRebalance</ProcessName></member></SuspendedProcesses>
    <Tags><member><Key>eks:cluster-name</Key><Value>prod</Value></member><member><Key>eks:nodegroup-name</Key><Value>workers</Value></member>
      <member><Key>k8s.io/cluster-autoscaler/enabled</Key><Value>true</Value></member></Tags>
  </member></AutoScalingGroups><NextToken>more</NextToken></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>`
	groups2 = `<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>
    <AutoScalingGroupName>self-managed</AutoScalingGroupName><MinSize>1</MinSize><MaxSize>2</MaxSize><DesiredCapacity>1</DesiredCapacity>
    <Tags><member><Key>kubernetes.io/cluster/old</Key><Value>owned</Value></member></Tags></member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>`
	cluster    = `{"cluster":{"name":"prod","version":"1.31","status":"ACTIVE"}}`
	versions1  = `{"clusterVersions":[{"clusterVersion":"1.32","endOfStandardSupportDate":1774137600}],"nextToken":"more"}`
	versions2  = `{"clusterVersions":[{"clusterVersion":"1.31","endOfStandardSupportDate":1764115200,"versionStatus":"EXTENDED_SUPPORT"}]}`
	nodegroups = `{"nodegroups":["workers"]}`
	nodegroup  = `{"nodegroup":{"nodegroupName":"workers","clusterName":"prod","status":"ACTIVE","scalingConfig":{"minSize":2,"maxSize":8,"desiredSize":5},
  "resources":{"autoScalingGroups":[{"name":"eks-workers-1"}]},"tags":{"team":"red"}}}`
)

func inventoryOps() map[string]func(call) reply {
	return map[string]func(call) reply{
		"DescribeInstances": pagesOf(instances1, instances2), "DescribeVolumes": pagesOf(volumes1), "DescribeSnapshots": pagesOf(snapshots1),
		"DescribeAutoScalingGroups": pagesOf(groups1, groups2), "GET /clusters/prod/node-groups": pagesOf(nodegroups), "GET /clusters/prod/node-groups/workers": pagesOf(nodegroup),
		"GET /clusters/prod": pagesOf(cluster), "GET /cluster-versions": pagesOf(versions1, versions2),
	}
}

func TestInventory(t *testing.T) {
	ops := inventoryOps()
	ops["DescribeInstances"] = func(c call) reply {
		if want := map[int]string{0: "", 1: "page-2"}[c.n]; c.form.Get("NextToken") != want || c.form.Get("MaxResults") != "1000" {
			t.Errorf("page %d of instances: %v", c.n, c.form)
		}
		return pagesOf(instances1, instances2)(c)
	}
	ops["DescribeSnapshots"] = func(c call) reply {
		if c.form.Get("Owner.1") != "self" {
			t.Errorf("snapshots of everybody: %v", c.form)
		}
		return reply{body: snapshots1}
	}
	_, a := newWire(t, ops)
	got, gaps := a.Inventory(t.Context(), []string{"prod"})
	if len(gaps) > 0 {
		t.Errorf("gaps: %v", gaps)
	}
	want := waste.Account{
		ID: "123456789012", Region: "eu-central-1",
		Instances: []waste.Instance{
			{
				ID: "i-1234567890abcdef0", Type: "m7i.xlarge", Zone: "eu-west-1c", Spot: true, State: "running", PrivateDNS: "ip-192-168-1-88.eu-west-1.compute.internal",
				LaunchedAt: time.Date(2026, 11, 8, 16, 46, 19, 0, time.UTC), Group: "eks-workers-1",
				Tags: map[string]string{"Name": "Server_1", "aws:autoscaling:groupName": "eks-workers-1"},
			},
			{ID: "i-0stopped", Type: "t3.small", State: "stopped", Tags: map[string]string{}},
		},
		Volumes: []waste.Volume{{
			ID: "vol-1234567890abcdef0", Type: "gp3", Zone: "us-east-1a", State: "in-use", GiB: 80, IOPS: 4000, Throughput: 250, Encrypted: true,
			CreatedAt:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Attachments: []waste.Attachment{{Instance: "i-0stopped", InstanceState: "stopped", State: "attached"}},
			Tags:        map[string]string{"kubernetes.io/created-for/pvc/name": "data-db-0"},
		}},
		Snapshots: []waste.VolumeSnapshot{{
			ID: "snap-1234567890abcdef0", VolumeID: "vol-1234567890abcdef0", State: "completed", At: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), GiB: 80, Tags: map[string]string{},
		}},
		Groups: []waste.NodeGroup{
			{
				Name: "workers", Managed: true, Autoscaling: "eks-workers-1", Cluster: "prod", Min: 2, Max: 8, Desired: 5, Zones: []string{"eu-west-1b", "eu-west-1c"},
				Instances: []string{"i-1234567890abcdef0"}, ProtectedIDs: []string{"i-1234567890abcdef0"}, Suspended: []string{"AZRebalance"}, Autodiscovery: true,
				Tags: map[string]string{"eks:cluster-name": "prod", "eks:nodegroup-name": "workers", "k8s.io/cluster-autoscaler/enabled": "true", "team": "red"},
			},
			{Name: "self-managed", Autoscaling: "self-managed", Cluster: "old", Min: 1, Max: 2, Desired: 1, Tags: map[string]string{"kubernetes.io/cluster/old": "owned"}},
		},
		Clusters: []waste.EKSCluster{{Name: "prod", Version: "1.31", StandardUntil: time.Date(2025, 11, 26, 0, 0, 0, 0, time.UTC)}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inventory (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeListedIsMissing(t *testing.T) {
	for op, part := range map[string]waste.Part{
		"DescribeInstances": waste.PartInstances, "DescribeVolumes": waste.PartVolumes, "DescribeSnapshots": waste.PartSnapshots,
		"DescribeAutoScalingGroups": waste.PartGroups, "GET /clusters/prod/node-groups": waste.PartGroups, "GET /clusters/prod/node-groups/workers": waste.PartGroups,
		"GET /clusters/prod": waste.PartSupport, "GET /cluster-versions": waste.PartSupport,
	} {
		for _, answer := range []reply{
			{status: 403, kind: "UnauthorizedOperation"}, {status: 403, kind: "AccessDenied"}, {status: 200, body: "<not what"}, {status: 400, kind: "InvalidParameterValue"},
		} {
			ops := inventoryOps()
			ops[op] = always(answer)
			w, a := newWire(t, ops)
			got, gaps := a.Inventory(t.Context(), []string{"prod"})
			if !slices.Equal(got.Missing, []waste.Part{part}) || len(gaps) != 1 || gaps[0].Collector != "aws eu-central-1" || gaps[0].Reason == "" {
				t.Errorf("%s with %d %s: missing %v, gaps %v", op, answer.status, answer.kind, got.Missing, gaps)
			}
			if n := w.count(op); answer.kind != "" && n != 1 {
				t.Errorf("%s with %s was tried %d times", op, answer.kind, n)
			}
			if part == waste.PartInstances && (len(got.Instances) > 0 || len(got.Volumes) != 1) {
				t.Errorf("%s: %d instances and %d volumes", op, len(got.Instances), len(got.Volumes))
			}
		}
	}
}

func TestAPartOfAListIsNoList(t *testing.T) {
	ops := inventoryOps()
	ops["DescribeInstances"] = func(c call) reply {
		if c.n == 0 {
			return reply{body: instances1}
		}
		return reply{status: 403, kind: "UnauthorizedOperation"}
	}
	_, a := newWire(t, ops)
	got, _ := a.Inventory(t.Context(), nil)
	if !slices.Contains(got.Missing, waste.PartInstances) {
		t.Errorf("missing: %v", got.Missing)
	}
}

func TestThrottledCallsAreTriedAgain(t *testing.T) {
	ops := inventoryOps()
	ops["DescribeVolumes"] = thrice(reply{status: 503, kind: "RequestLimitExceeded"}, volumes1)
	ops["DescribeAutoScalingGroups"] = thrice(reply{status: 400, kind: "Throttling"}, groups2)
	ops["GET /clusters/prod/node-groups"] = thrice(reply{status: 429, kind: "TooManyRequestsException"}, `{"nodegroups":[]}`)
	ops["DescribeSnapshots"] = thrice(reply{status: 500, kind: "InternalError"}, snapshots1)
	w, a := newWire(t, ops)
	got, gaps := a.Inventory(t.Context(), []string{"prod"})
	if len(gaps) > 0 || len(got.Volumes) != 1 || len(got.Snapshots) != 1 {
		t.Errorf("gaps %v, %+v", gaps, got)
	}
	for _, op := range []string{"DescribeVolumes", "DescribeAutoScalingGroups", "GET /clusters/prod/node-groups", "DescribeSnapshots"} {
		if n := w.count(op); n != 3 {
			t.Errorf("%s was tried %d times", op, n)
		}
	}
}

func TestThrottledForEverIsMissing(t *testing.T) {
	ops := inventoryOps()
	ops["DescribeVolumes"] = always(reply{status: 503, kind: "RequestLimitExceeded"})
	w, a := newWire(t, ops)
	if got, gaps := a.Inventory(t.Context(), nil); !slices.Equal(got.Missing, []waste.Part{waste.PartVolumes}) || len(gaps) != 1 {
		t.Errorf("missing %v, gaps %v", got.Missing, gaps)
	}
	if n := w.count("DescribeVolumes"); n != tries {
		t.Errorf("tried %d times", n)
	}
}

func TestNobodyWeKnow(t *testing.T) {
	ops := inventoryOps()
	ops["GetCallerIdentity"] = always(reply{status: 403, kind: "ExpiredToken"})
	w, a := newWire(t, ops)
	got, gaps := a.Inventory(t.Context(), nil)
	if len(got.Missing) != 4 || len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "who we are") {
		t.Errorf("missing %v, gaps %v", got.Missing, gaps)
	}
	if w.count("DescribeInstances") > 0 {
		t.Error("listed as nobody")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, gaps := a.Inventory(ctx, nil); len(got.Missing) != 4 || len(gaps) != 1 {
		t.Errorf("cancelled: missing %v, gaps %v", got.Missing, gaps)
	}
}

func TestSpotPrices(t *testing.T) {
	body := `<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><spotPriceHistorySet>
  <item><instanceType>m7i.xlarge</instanceType><productDescription>Linux/UNIX</productDescription><spotPrice>0.071200</spotPrice><timestamp>2026-11-20T04:32:53.000Z</timestamp><availabilityZone>eu-central-1a</availabilityZone></item>
  <item><instanceType>m7i.xlarge</instanceType><productDescription>Linux/UNIX (Amazon VPC)</productDescription><spotPrice>0.070000</spotPrice><timestamp>2026-11-19T04:32:53.000Z</timestamp><availabilityZone>eu-central-1a</availabilityZone></item>
  <item><instanceType>m7i.xlarge</instanceType><productDescription>Linux/UNIX</productDescription><spotPrice>0.090000</spotPrice><timestamp>2026-11-01T04:32:53.000Z</timestamp><availabilityZone>eu-central-1b</availabilityZone></item>
</spotPriceHistorySet><nextToken/></DescribeSpotPriceHistoryResponse>`
	ops := map[string]func(call) reply{"DescribeSpotPriceHistory": func(c call) reply {
		if c.form.Get("InstanceType.1") != "m5.large" || c.form.Get("InstanceType.2") != "m7i.xlarge" || c.form.Has("InstanceType.3") || c.form.Get("StartTime") != "2026-11-22T12:00:00Z" {
			t.Errorf("asked for %v", c.form)
		}
		return reply{body: body}
	}}
	_, a := newWire(t, ops)
	got, err := a.SpotPrices(t.Context(), []string{"m7i.xlarge", "m5.large", "m7i.xlarge"})
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	want := []price.SpotRate{
		{Zone: "eu-central-1a", Region: "eu-central-1", Type: "m7i.xlarge", PerHour: 71_200, At: now},
		{Zone: "eu-central-1b", Region: "eu-central-1", Type: "m7i.xlarge", PerHour: 90_000, At: now},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	body = strings.Replace(body, "0.090000", "cheap", 1)
	if _, err := a.SpotPrices(t.Context(), []string{"m7i.xlarge", "m5.large"}); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("a price that is none: %v", err)
	}
	ops["DescribeSpotPriceHistory"] = nil
	if _, err := a.SpotPrices(t.Context(), []string{"m5.large"}); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("denied: %v", err)
	}
	if got, err := a.SpotPrices(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}

func TestCheckInventory(t *testing.T) {
	ops := inventoryOps()
	ops["DescribeSpotPriceHistory"] = pagesOf(`<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"/>`)
	ops["GetProducts"] = pagesOf(`{"PriceList":[]}`)
	w, a := newWire(t, ops)
	for _, c := range a.CheckInventory(t.Context(), []string{"prod"}) {
		if !c.OK {
			t.Errorf("%+v", c)
		}
	}
	tried := slices.Sorted(maps.Keys(w.calls))
	if want := slices.Sorted(maps.Keys(ops)); !slices.Equal(slices.DeleteFunc(want, func(s string) bool { return s == "GetCallerIdentity" || s == "GET /clusters/prod" }), tried) {
		t.Errorf("tried %v", tried)
	}
	delete(ops, "DescribeVolumes")
	delete(ops, "GetProducts")
	var missed []string
	for _, c := range a.CheckInventory(t.Context(), []string{"prod"}) {
		if !c.OK {
			missed = append(missed, c.Name+" "+string(c.Level))
		}
	}
	if diff := cmp.Diff([]string{"ec2:DescribeVolumes fail", "pricing:GetProducts warn"}, missed); diff != "" {
		t.Errorf("missed (-want +got):\n%s", diff)
	}
}
