package price

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine"
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

func TestAddProduct(t *testing.T) {
	for name, tt := range map[string]struct {
		old, new string
		bad      bool
	}{
		"another region":       {`"regionCode":"eu-central-1"`, `"regionCode":"eu-west-1"`, false},
		"only reservations":    {`"OnDemand":{`, `"Other":{`, false},
		"yuan":                 {`"USD"`, `"CNY"`, true},
		"negative":             {`"0.2415000000"`, `"-0.2415"`, true},
		"not a number":         {`"0.2415000000"`, `"NaN"`, true},
		"infinite":             {`"0.2415000000"`, `"Inf"`, true},
		"words":                {`"0.2415000000"`, `"free"`, true},
		"a number, no string":  {`"0.2415000000"`, `0.2415`, true},
		"a quantity of":        {`"unit":"Hrs"`, `"unit":"Quantity"`, true},
		"from a quantity on":   {`"beginRange":"0"`, `"beginRange":"100"`, true},
		"types that disagree":  {`"instanceType":"m7i.xlarge"`, `"instanceType":"m7i.large"`, true},
		"attributes of a list": {`"attributes":{`, `"attributes":[{`, true},
	} {
		text := strings.Replace(compute, tt.old, tt.new, 1)
		if text == compute {
			t.Fatalf("%s: nothing to change", name)
		}
		var list List
		err := list.AddProduct("eu-central-1", []byte(text))
		if (engine.CodeOf(err) == engine.Invalid) != tt.bad || (err != nil) != tt.bad || len(list.Instances) > 0 {
			t.Errorf("%s: %+v, %v", name, list, err)
		}
	}
	var list List
	if err := list.AddProduct("eu-central-1", []byte(compute+"{}")); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("something behind it: %v", err)
	}
}

func FuzzAddProduct(f *testing.F) {
	f.Add([]byte(compute))
	f.Add([]byte(simple("Storage", "EUC1-EBS:VolumeUsage.gp3", "GB-Mo", "0.0952")))
	f.Add([]byte(strings.ReplaceAll(compute, "USD", "CNY")))
	f.Add([]byte(`{"product":{"attributes":{"regionCode":"eu-central-1"}},"terms":{"OnDemand":{"":{"priceDimensions":{"":{}}}}}}`))
	f.Add([]byte(`{"product":null,"terms":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var list List
		err := list.AddProduct("eu-central-1", data)
		if err != nil {
			if engine.CodeOf(err) != engine.Invalid || !cmp.Equal(list, List{}, cmpopts.EquateEmpty()) {
				t.Fatalf("%v, %+v", err, list)
			}
			return
		}
		for _, r := range list.Instances {
			if r.PerHour < 0 || r.PerHour > 1_000_000*engine.USD || r.Region != "eu-central-1" {
				t.Fatalf("%+v", r)
			}
		}
		book := New(Prices{Lists: []List{list}})
		for _, v := range list.Volumes {
			if got := book.Volume(VolumeFacts{Region: v.Region, Type: v.Type, GiB: 100}); got.PerMonth < 0 {
				t.Fatalf("%+v", got)
			}
		}
	})
}
