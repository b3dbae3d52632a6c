// Command vpa answers what the Vertical Pod Autoscaler's own histogram says of histories: gob-encoded queries on its standard
// input, a gob-encoded answer to each on its standard output. It is a module of its own, so that the VPA's dependencies are nobody else's.
package main

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"k8s.io/autoscaler/vertical-pod-autoscaler/pkg/recommender/util"
)

// query is a history, and the percentiles that are asked for.
type query struct {
	Memory      bool // which of the VPA's two kinds of histograms
	HalfLife    time.Duration
	Seconds     []int64 // Unix times
	Values      []float64
	Percentiles []float64
}

func main() {
	in, out := gob.NewDecoder(os.Stdin), gob.NewEncoder(os.Stdout)
	for {
		var q query
		switch err := in.Decode(&q); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			fatal(err)
		}
		percentiles, err := answer(q)
		if err == nil {
			err = out.Encode(percentiles)
		}
		if err != nil {
			fatal(err)
		}
	}
}

// The recommender's own options (pkg/recommender/model/aggregations_config.go): buckets that grow by 5 %, the first of 0.01 cores or
// 10 MB, the last at 1,000 cores or 1 TB; what weighs less than a thousandth of the least sample counts as nothing.
const (
	growth  = 1.05
	epsilon = 0.0001
)

func answer(q query) ([]float64, error) {
	most, first := 1000.0, 0.01
	if q.Memory {
		most, first = 1e12, 1e7
	}
	options, err := util.NewExponentialHistogramOptions(most, first, growth, epsilon)
	if err != nil {
		return nil, err
	}
	h := util.NewDecayingHistogram(options, q.HalfLife)
	for i, v := range q.Values {
		h.AddSample(v, 1, time.Unix(q.Seconds[i], 0))
	}
	percentiles := make([]float64, len(q.Percentiles))
	for i, p := range q.Percentiles {
		percentiles[i] = h.Percentile(p)
	}
	return percentiles, nil
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "vpa:", err)
	os.Exit(1)
}
