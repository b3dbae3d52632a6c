package aws

import (
	"encoding/json"
	"net/http"
	"time"
)

type productsRequest struct {
	ServiceCode   string
	Filters       []struct{ Type, Field, Value string }
	FormatVersion string
	NextToken     string
	MaxResults    int
}

// getProducts answers from the price list, which AWS keeps in us-east-1, eu-central-1 and ap-south-1 alone.
func getProducts(s *Server, c *call) (any, *refusal) {
	var r productsRequest
	if problem := c.decode(&r); problem != nil {
		return nil, problem
	}
	switch {
	case c.region != "us-east-1" && c.region != "eu-central-1" && c.region != "ap-south-1":
		return nil, refuse(http.StatusBadRequest, "UnknownOperationException", "The price list is not served in %s.", c.region)
	case r.ServiceCode == "" || r.MaxResults < 0 || r.MaxResults > 100:
		return nil, refuse(http.StatusBadRequest, "InvalidParameterException", "A ServiceCode is needed, and MaxResults of at most 100.")
	}
	var found []string
	for _, p := range s.world.Products {
		if p.Service != r.ServiceCode {
			continue
		}
		fits := true
		for _, f := range r.Filters {
			if f.Type != "TERM_MATCH" {
				return nil, refuse(http.StatusBadRequest, "InvalidParameterException", "Filter type %q is not supported.", f.Type)
			}
			value := p.Attributes[f.Field]
			if f.Field == "productFamily" {
				value = p.Family
			}
			fits = fits && value == f.Value
		}
		if fits {
			found = append(found, p.document())
		}
	}
	items, next, problem := page(s, found, r.NextToken, r.MaxResults, 100)
	if problem != nil {
		problem.code = "InvalidNextTokenException"
		return nil, problem
	}
	if items == nil {
		items = []string{}
	}
	out := map[string]any{"FormatVersion": "aws_v1", "PriceList": items}
	if next != "" {
		out["NextToken"] = next
	}
	return out, nil
}

// document is one product as the price list writes it: JSON in a string.
func (p Product) document() string {
	if p.Raw != "" {
		return p.Raw
	}
	const offer, rate = ".JRTCKXETXF", ".6YS6EN2CT7"
	effective := p.Effective
	if effective.IsZero() {
		effective = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	}
	document := map[string]any{
		"product":         map[string]any{"productFamily": p.Family, "attributes": p.Attributes, "sku": p.SKU},
		"serviceCode":     p.Service,
		"version":         "20261101000000",
		"publicationDate": "2026-11-01T00:00:00Z",
		"terms": map[string]any{"OnDemand": map[string]any{p.SKU + offer: map[string]any{
			"sku": p.SKU, "effectiveDate": effective.Format(time.RFC3339), "offerTermCode": offer[1:], "termAttributes": map[string]string{},
			"priceDimensions": map[string]any{p.SKU + offer + rate: map[string]any{
				"unit": p.Unit, "endRange": "Inf", "beginRange": "0", "description": p.USD + " per " + p.Unit, "rateCode": p.SKU + offer + rate,
				"appliesTo": []string{}, "pricePerUnit": map[string]string{"USD": p.USD},
			}},
		}}},
	}
	return string(must(json.Marshal(document)))
}
