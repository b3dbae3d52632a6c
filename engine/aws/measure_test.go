package aws

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEachTryIsMeasured counts the answers of the wire, not the calls of the program.
func TestEachTryIsMeasured(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	MeasureTo(func(_ context.Context, service, code string, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if took <= 0 {
			t.Errorf("%s %s took %s", service, code, took)
		}
		seen[service+" "+code]++
	})
	defer told.Store(nil)
	_, a := newWire(t, map[string]func(call) reply{
		"DescribeVolumes": thrice(reply{status: 503, body: `<Response><Errors><Error><Code>Unavailable</Code></Error></Errors></Response>`},
			`<DescribeVolumesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><volumeSet></volumeSet></DescribeVolumesResponse>`),
	})
	a.Inventory(t.Context(), nil)
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(map[string]int{"ec2 503": 2, "ec2 200": 1}, map[string]int{"ec2 503": seen["ec2 503"], "ec2 200": seen["ec2 200"]}); diff != "" {
		t.Errorf("tries (-want +got):\n%s\n%v", diff, seen)
	}
}
