package aws

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/aws/aws-sdk-go-v2/service/pricing/types"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
)

// question is one question to the Pricing API. The region comes on top.
type question struct {
	service string
	fields  map[string]string
}

// questions are what the list prices of a region are made of.
var questions = []question{
	{"AmazonEC2", map[string]string{
		"productFamily": "Compute Instance", "operatingSystem": "Linux", "preInstalledSw": "NA", "tenancy": "Shared", "capacitystatus": "Used",
	}},
	{"AmazonEC2", map[string]string{"productFamily": "Storage"}},
	{"AmazonEC2", map[string]string{"productFamily": "System Operation"}},
	{"AmazonEC2", map[string]string{"productFamily": "Provisioned Throughput"}},
	{"AmazonEC2", map[string]string{"productFamily": "Storage Snapshot"}},
	{"AmazonEKS", map[string]string{}},
}

// ListPrices gives the public prices of a region: Linux instances On-Demand, EBS and EKS. Asking is free; the caller keeps the answer
// for a day or so. It fails with Forbidden or Unavailable when a question has no answer. Products that cannot be read are left out and
// counted in a gap.
func (a *Account) ListPrices(ctx context.Context, region string) (price.List, []engine.Gap, error) {
	list := price.List{Source: engine.PriceList, AsOf: a.now()}
	bad, first := 0, error(nil)
	for _, q := range questions {
		pages := pricing.NewGetProductsPaginator(a.pricing, q.input(region, 100))
		err := each(ctx, pages, "prices of "+q.service+" in "+region, func(page *pricing.GetProductsOutput) {
			for _, text := range page.PriceList {
				if err := list.AddProduct(region, []byte(text)); err != nil {
					if bad++; first == nil {
						first = err
					}
				}
			}
		})
		if err != nil {
			return price.List{}, nil, err
		}
	}
	if bad == 0 {
		return list, nil, nil
	}
	gap := a.gap(engine.Errorf(engine.Invalid, "%d prices of %s cannot be read; the first: %s", bad, region, engine.UserMessage(first, "aws")))
	return list, []engine.Gap{gap}, nil
}

func (q question) input(region string, size int32) *pricing.GetProductsInput {
	in := &pricing.GetProductsInput{ServiceCode: aws.String(q.service), FormatVersion: aws.String("aws_v1"), MaxResults: aws.Int32(size)}
	equal := func(field, value string) {
		in.Filters = append(in.Filters, types.Filter{Type: types.FilterTypeTermMatch, Field: aws.String(field), Value: aws.String(value)})
	}
	equal("regionCode", region)
	for _, field := range slices.Sorted(maps.Keys(q.fields)) {
		equal(field, q.fields[field])
	}
	return in
}
