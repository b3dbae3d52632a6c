package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
)

// spotTypes is how many instance types one question names.
const spotTypes = 50

// SpotPrices gives what Linux Spot instances of the types cost now, by zone of the account's region. A type that is not offered there
// has no price. It fails with Forbidden or Unavailable, and with Invalid for a price that is none.
func (a *Account) SpotPrices(ctx context.Context, instances []string) ([]price.SpotRate, error) {
	instances = slices.Compact(slices.Sorted(slices.Values(instances)))
	now := a.now()
	type place struct{ zone, kind string }
	newest := map[place]int{}
	var out []price.SpotRate
	for some := range slices.Chunk(instances, spotTypes) {
		asked := make([]types.InstanceType, len(some))
		for i, name := range some {
			asked[i] = types.InstanceType(name)
		}
		pages := ec2.NewDescribeSpotPriceHistoryPaginator(a.ec2, &ec2.DescribeSpotPriceHistoryInput{
			InstanceTypes: asked, ProductDescriptions: []string{"Linux/UNIX", "Linux/UNIX (Amazon VPC)"}, MaxResults: aws.Int32(1000),
			StartTime: aws.Time(now), EndTime: aws.Time(now), // the prices that hold now, whenever they were set
		})
		var wrong error
		err := each(ctx, pages, "Spot prices of "+a.region, func(page *ec2.DescribeSpotPriceHistoryOutput) {
			for _, p := range page.SpotPriceHistory {
				dollars, err := price.Amount(aws.ToString(p.SpotPrice))
				if err != nil {
					wrong = err
					continue
				}
				r := price.SpotRate{
					Zone: aws.ToString(p.AvailabilityZone), Region: a.region, Type: string(p.InstanceType),
					PerHour: engine.Dollars(dollars), At: aws.ToTime(p.Timestamp),
				}
				at := place{r.Zone, r.Type}
				if i, known := newest[at]; !known {
					newest[at] = len(out)
					out = append(out, r)
				} else if r.At.After(out[i].At) {
					out[i] = r
				}
			}
		})
		if err == nil {
			err = wrong
		}
		if err != nil {
			return nil, err
		}
	}
	for i := range out {
		out[i].At = now // however long ago it was set, it holds
	}
	return out, nil
}
