package price

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Bill is what one payer was charged for one day (UTC), amortised: what was paid ahead is spread over the time that it pays for.
type Bill struct {
	Payer     string     `json:"payer"`
	Day       time.Time  `json:"day"` // midnight UTC
	Lines     []Line     `json:"lines"`
	Purchases []Purchase `json:"purchases,omitempty"`
	Estimated bool       `json:"estimated"` // AWS may still change it
	Net       bool       `json:"net"`       // after the discounts of a private price
}

// Line is one line of a bill. The lines of a bill add up to it.
type Line struct {
	Account  string          `json:"account"`           // the member that used it
	Service  string          `json:"service,omitempty"` // "" where Usage says it
	Usage    string          `json:"usage,omitempty"`   // usage type, of EC2 and EKS only
	Rest     bool            `json:"rest,omitempty"`    // of EC2 and EKS, what is no usage: commitments that nobody used, fees, credits
	Amount   engine.MicroUSD `json:"amount"`            // negative for credits
	Quantity float64         `json:"quantity,omitempty"`
}

// Purchase is how much of a usage type was bought in one way.
type Purchase struct {
	Usage    string  `json:"usage"`
	Way      string  `json:"way"` // "On Demand Instances", "Savings Plans", "Standard Reserved Instances", "Spot Instances"
	Quantity float64 `json:"quantity"`
}

// Total gives what the lines add up to.
func (b Bill) Total() engine.MicroUSD {
	var sum engine.MicroUSD
	for _, l := range b.Lines {
		sum += l.Amount
	}
	return sum
}

// Committed says whether a way of buying is a commitment: what it covers is paid for whether it is used or not.
func (p Purchase) Committed() bool {
	switch p.Way {
	case "Savings Plans", "Standard Reserved Instances", "Convertible Reserved Instances", "Scheduled Reserved Instances":
		return true
	}
	return false
}
