package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// maxDelay keeps a typing error from hanging every request for hours.
const maxDelay = time.Minute

// Fault is what the service is told to do wrong. The zero value is a healthy
// service.
type Fault struct {
	// ErrorRate is the share of requests that fail, 0 to 1.
	ErrorRate float64
	// Delay is how much longer each request takes.
	Delay time.Duration
}

// faultJSON is a Fault on the wire, with the delay as people write it.
type faultJSON struct {
	ErrorRate float64 `json:"error_rate"`
	Delay     string  `json:"delay"`
}

// readFault reads {"error_rate": 0.3, "delay": "300ms"}; what is left out is
// healthy. It fails on unknown fields and on values out of range.
func readFault(r io.Reader) (Fault, error) {
	wire := faultJSON{Delay: "0s"}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&wire); err != nil {
		return Fault{}, fmt.Errorf(`want JSON such as {"error_rate": 0.3, "delay": "300ms"}: %w`, err)
	}
	f := Fault{ErrorRate: wire.ErrorRate}
	if err := f.setDelay(wire.Delay); err != nil {
		return Fault{}, err
	}
	return f, f.check()
}

func (f *Fault) setDelay(s string) (err error) {
	if f.Delay, err = time.ParseDuration(s); err != nil {
		return fmt.Errorf("delay %q: want a duration such as 300ms", s)
	}
	return nil
}

func (f Fault) check() error {
	// Written so that NaN is refused too.
	if !(f.ErrorRate >= 0 && f.ErrorRate <= 1) {
		return fmt.Errorf("error rate %v: want 0 to 1", f.ErrorRate)
	}
	if f.Delay < 0 || f.Delay > maxDelay {
		return fmt.Errorf("delay %s: want 0s to %s", f.Delay, maxDelay)
	}
	return nil
}

// MarshalJSON writes what readFault reads.
func (f Fault) MarshalJSON() ([]byte, error) {
	return json.Marshal(faultJSON{ErrorRate: f.ErrorRate, Delay: f.Delay.String()})
}
