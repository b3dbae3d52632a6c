package aws

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
)

// compute is a product of the price list as the Pricing API gives it; reservations, which are long, left out but for one.
const compute = `{"product":{"productFamily":"Compute Instance","attributes":{"enhancedNetworkingSupported":"Yes","intelTurboAvailable":"Yes","memory":"16 GiB",
"vcpu":"4","capacitystatus":"Used","locationType":"AWS Region","storage":"EBS only","instanceFamily":"General purpose","operatingSystem":"Linux","regionCode":"eu-central-1",
"instanceType":"m7i.xlarge","tenancy":"Shared","usagetype":"EUC1-BoxUsage:m7i.xlarge","normalizationSizeFactor":"8","servicecode":"AmazonEC2",
"licenseModel":"No License required","preInstalledSw":"NA","location":"EU (Frankfurt)","marketoption":"OnDemand","operation":"RunInstances"},"sku":"2223B6PCG6QAUYY6"},
"serviceCode":"AmazonEC2","terms":{"OnDemand":{"2223B6PCG6QAUYY6.JRTCKXETXF":{"priceDimensions":{"2223B6PCG6QAUYY6.JRTCKXETXF.6YS6EN2CT7":{"unit":"Hrs","endRange":"Inf",
"description":"$0.2415 per On Demand Linux m7i.xlarge Instance Hour","appliesTo":[],"rateCode":"2223B6PCG6QAUYY6.JRTCKXETXF.6YS6EN2CT7","beginRange":"0",
"pricePerUnit":{"USD":"0.2415000000"}}},"sku":"2223B6PCG6QAUYY6","effectiveDate":"2026-11-01T00:00:00Z","offerTermCode":"JRTCKXETXF","termAttributes":{}}},
"Reserved":{"2223B6PCG6QAUYY6.38NPMPTW36":{"priceDimensions":{},"termAttributes":{"LeaseContractLength":"3yr"}}}},"version":"20261101000000","publicationDate":"2026-11-01T00:00:00Z"}`

// simple is a product with one price.
func simple(family, usage, unit, usd string) string {
	return fmt.Sprintf(`{"product":{"productFamily":%q,"attributes":{"regionCode":"eu-central-1","usagetype":%q},"sku":"X"},"terms":{"OnDemand":{"X.J":{"priceDimensions":{"X.J.6":{"unit":%q,"beginRange":"0","pricePerUnit":{"USD":%q}}}}}}}`,
		family, usage, unit, usd)
}

func products(next string, list ...string) string {
	body := map[string]any{"FormatVersion": "aws_v1", "PriceList": list}
	if next != "" {
		body["NextToken"] = next
	}
	data, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func listOps() map[string]func(call) reply {
	return map[string]func(call) reply{"GetProducts": func(c call) reply {
		asked, family := map[string]string{}, ""
		for _, f := range c.body["Filters"].([]any) {
			f := f.(map[string]any)
			asked[f["Field"].(string)] = f["Value"].(string)
		}
		if family = asked["productFamily"]; c.body["ServiceCode"] == "AmazonEKS" {
			family = "EKS"
		}
		if asked["regionCode"] != "eu-central-1" {
			return reply{status: 400, kind: "InvalidParameterException"}
		}
		switch family {
		case "Compute Instance":
			if c.body["NextToken"] == nil {
				return reply{body: products("two", compute)}
			}
			return reply{body: products("", strings.NewReplacer("m7i.xlarge", "m7i.large", "0.2415", "0.12075").Replace(compute),
				strings.NewReplacer("m7i.xlarge", "m5.large", "0.2415000000", "0.0000000000").Replace(compute))}
		case "Storage":
			return reply{body: products("", simple("Storage", "EUC1-EBS:VolumeUsage.gp3", "GB-Mo", "0.0952"), simple("Storage", "EUC1-EBS:VolumeUsage.piops", "GB-Mo", "0.149"))}
		case "System Operation":
			return reply{body: products("", simple("System Operation", "EUC1-EBS:VolumeP-IOPS.gp3", "IOPS-Mo", "0.006"), simple("System Operation", "EUC1-EBS:VolumeIOUsage", "IOs", "0.0000000590"))}
		case "Provisioned Throughput":
			return reply{body: products("", simple("Provisioned Throughput", "EUC1-EBS:VolumeP-Throughput.gp3", "GiBps-mo", "49.152"))}
		case "Storage Snapshot":
			return reply{body: products("", simple("Storage Snapshot", "EUC1-EBS:SnapshotUsage", "GB-Mo", "0.054"), simple("Storage Snapshot", "EUC1-EBS:SnapshotArchiveStorage", "GB-Mo", "0.0135"))}
		case "EKS":
			return reply{body: products("", simple("Compute", "EUC1-AmazonEKS-Hours:perCluster", "hours", "0.1"), simple("Compute", "EUC1-AmazonEKS-Hours:extendedSupport", "hours", "0.5"))}
		default:
			return reply{status: 400, kind: "InvalidParameterException"}
		}
	}}
}

func TestListPrices(t *testing.T) {
	w, a := newWire(t, listOps())
	got, gaps, err := a.ListPrices(t.Context(), "eu-central-1")
	if err != nil || len(gaps) > 0 {
		t.Fatal(gaps, err)
	}
	want := price.List{
		Source: engine.PriceList, AsOf: a.now(),
		Instances: []price.InstanceRate{
			{Region: "eu-central-1", Type: "m7i.xlarge", OS: "linux", PerHour: 241_500}, {Region: "eu-central-1", Type: "m7i.large", OS: "linux", PerHour: 120_750},
		},
		Volumes: []price.VolumeRate{
			{Region: "eu-central-1", Type: "gp3", GiB: 95_200, IOPS: 6000, MiBps: 48_000}, {Region: "eu-central-1", Type: "io1", GiB: 149_000},
		},
		Snapshots: []price.SnapshotRate{{Region: "eu-central-1", GiB: 54_000}},
		Clusters:  []price.ClusterRate{{Region: "eu-central-1", Standard: 100_000, Extended: 500_000}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if n := w.count("GetProducts"); n != 7 {
		t.Errorf("%d calls", n)
	}
	var kept price.List
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &kept); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, kept); diff != "" {
		t.Errorf("kept as JSON (-list +kept):\n%s", diff)
	}
}

func TestProductsThatCannotBeReadAreLeftOut(t *testing.T) {
	ops := listOps()
	all := ops["GetProducts"]
	ops["GetProducts"] = func(c call) reply {
		if c.body["ServiceCode"] == "AmazonEKS" {
			return reply{body: products("", "{", strings.ReplaceAll(compute, "USD", "CNY"))}
		}
		return all(c)
	}
	_, a := newWire(t, ops)
	list, gaps, err := a.ListPrices(t.Context(), "eu-central-1")
	if err != nil || len(list.Instances) != 2 || len(list.Clusters) != 0 || len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "2 prices of eu-central-1 cannot be read") {
		t.Errorf("%+v, %v, %v", list, gaps, err)
	}
	ops["GetProducts"] = nil
	if list, _, err := a.ListPrices(t.Context(), "eu-central-1"); engine.CodeOf(err) != engine.Forbidden || len(list.Instances) > 0 {
		t.Errorf("denied: %+v, %v", list, err)
	}
	ops["GetProducts"] = thrice(reply{status: 400, kind: "ThrottlingException"}, products(""))
	if _, _, err := a.ListPrices(t.Context(), "eu-central-1"); err != nil {
		t.Errorf("throttled: %v", err)
	}
}
