package price

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// product is an element of a price list, as the Pricing API nests it.
type product struct {
	Product struct {
		SKU           string            `json:"sku"`
		ProductFamily string            `json:"productFamily"`
		Attributes    map[string]string `json:"attributes"`
	} `json:"product"`
	Terms struct {
		OnDemand map[string]struct {
			PriceDimensions map[string]dimension `json:"priceDimensions"`
		} `json:"OnDemand"`
	} `json:"terms"`
}

// dimension is a price, and from which quantity on it holds.
type dimension struct {
	Unit         string            `json:"unit"`
	BeginRange   string            `json:"beginRange"`
	PricePerUnit map[string]string `json:"pricePerUnit"` // by currency
}

// AddProduct takes one product of the Pricing API, as JSON, into the list. One of another region, and one that is only sold ahead or that no price is kept of, changes
// nothing. It fails with Invalid for what is no product, for a price that is none, and for one in another currency than US dollars.
func (l *List) AddProduct(region string, data []byte) error {
	var p product
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&p); err != nil {
		return engine.Wrap(engine.Invalid, err, "a product of the price list is not the JSON that it should be")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return engine.Errorf(engine.Invalid, "a product of the price list has something behind it")
	}
	attributes := p.Product.Attributes
	if attributes["regionCode"] != region || len(p.Terms.OnDemand) == 0 {
		return nil
	}
	usage := attributes["usagetype"]
	if kind := attributes["instanceType"]; kind != "" && !strings.HasSuffix(usage, ":"+kind) {
		return engine.Errorf(engine.Invalid, "product %s is of instance type %.40q, but of usage type %.60q", p.Product.SKU, kind, usage)
	}
	for _, term := range p.Terms.OnDemand {
		if len(term.PriceDimensions) != 1 || len(p.Terms.OnDemand) != 1 {
			return nil // by quantity, which nothing that is asked for here is
		}
		for _, d := range term.PriceDimensions {
			return l.addDimension(region, usage, attributes["operatingSystem"], d)
		}
	}
	return nil
}

func (l *List) addDimension(region, usage, system string, d dimension) error {
	if d.BeginRange != "0" && d.BeginRange != "" {
		return engine.Errorf(engine.Invalid, "the price of %.60q begins at %.20q; 0 is expected", usage, d.BeginRange)
	}
	text, inDollars := d.PricePerUnit["USD"]
	if !inDollars {
		return engine.Errorf(engine.Invalid, "the price of %.60q is not in US dollars", usage)
	}
	dollars, err := Amount(text)
	if err != nil {
		return err
	}
	return l.Add(region, usage, system, d.Unit, dollars)
}
