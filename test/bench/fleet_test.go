package main

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/test/stand/block"
)

func TestFleetIsTheSameForTheSameParameters(t *testing.T) {
	a, b := newFleet(50, 2, 1, time.Minute, 7), newFleet(50, 2, 1, time.Minute, 7)
	if a.containers() != 100 || a.nodes() != 4 {
		t.Errorf("%d containers on %d nodes", a.containers(), a.nodes())
	}
	if diff := cmp.Diff(a.cluster().Pods, b.cluster().Pods); diff != "" {
		t.Errorf("two fleets of one seed differ:\n%s", diff)
	}
	x, y := a.series(), b.series()
	seen := map[string]bool{}
	for i := range x {
		if block.Compare(x[i].labels, y[i].labels) != 0 || i > 0 && block.Compare(x[i-1].labels, x[i].labels) >= 0 {
			t.Fatalf("series %d: %v after %v, and %v", i, x[i].labels, x[max(i-1, 0)].labels, y[i].labels)
		}
		before := math.Inf(-1)
		counts := x[i].labels[0].Value != "container_memory_working_set_bytes"
		for n := range 100 {
			at := fleetEnd.Add(time.Duration(n) * time.Minute)
			v, w := x[i].next(at), y[i].next(at)
			if v != w || counts && v < before || v < 0 {
				t.Fatalf("%v at %d: %v and %v after %v", x[i].labels, n, v, w, before)
			}
			before = v
		}
		for _, l := range x[i].labels {
			if l.Name == "pod" {
				seen[l.Value] = true
			}
		}
	}
	for _, p := range a.cluster().Pods {
		if !seen[p.Name] {
			t.Errorf("pod %s has no history", p.Name)
		}
	}
}

func TestProcessorTimeAndMemoryAreRead(t *testing.T) {
	w, err := observe(1)
	if err != nil {
		t.Fatal(err)
	}
	if cost, err := w.stop(); err != nil || cost.Before <= 0 || cost.Peak < cost.Before || cost.CPU < 0 {
		t.Errorf("%+v, %v", cost, err)
	}
	if _, err := observe(1 << 30); err == nil {
		t.Error("a process that is not there has memory")
	}
}
