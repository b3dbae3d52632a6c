package policy_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func weekly(t *testing.T, s string) *policy.Weekly {
	t.Helper()
	w, err := policy.ParseWeekly(s)
	if err != nil {
		t.Fatal(err)
	}
	return &w
}

func TestFreeze(t *testing.T) {
	berlin, newYork := zone(t, "Europe/Berlin"), zone(t, "America/New_York")
	weekend := policy.Freeze{Reason: "weekend", Zone: berlin, Weekly: weekly(t, "Fri 16:00 - Mon 08:00")}
	nightly := policy.Freeze{Reason: "batch", Zone: newYork, Weekly: weekly(t, "Sun 01:30 - Sun 03:00"), Namespaces: []string{"payments*"}}
	sale := policy.Freeze{Reason: "sale", Zone: berlin, From: "2026-11-27", To: "2026-11-30", Clusters: []string{"prod*"}}
	always := policy.Freeze{Weekly: weekly(t, "Mon 00:00 - Mon 00:00"), Clusters: []string{"old"}}
	for _, c := range []struct {
		name      string
		freeze    policy.Freeze
		at        string
		cluster   string
		namespace string
		until     string // "" for no freeze
	}{
		{"Friday before", weekend, "2026-11-20T15:59:59+01:00", "prod", "shop", ""},
		{"Friday evening", weekend, "2026-11-20T16:00:00+01:00", "prod", "shop", "Mon 23 Nov 08:00 CET: weekend"},
		{"Saturday", weekend, "2026-11-21T12:00:00+01:00", "prod", "shop", "Mon 23 Nov 08:00 CET: weekend"},
		{"Sunday night, seen from UTC", weekend, "2026-11-22T23:30:00Z", "prod", "shop", "Mon 23 Nov 08:00 CET: weekend"},
		{"Monday, the last minute", weekend, "2026-11-23T07:59:00+01:00", "prod", "shop", "Mon 23 Nov 08:00 CET: weekend"},
		{"Monday at eight", weekend, "2026-11-23T08:00:00+01:00", "prod", "shop", ""},
		{"clocks go back during it", weekend, "2026-10-23T17:00:00+02:00", "prod", "shop", "Mon 26 Oct 08:00 CET: weekend"},
		{"and it ends by the new ones", weekend, "2026-10-26T07:30:00+01:00", "prod", "shop", "Mon 26 Oct 08:00 CET: weekend"},
		{"not an hour before", weekend, "2026-10-26T07:00:00Z", "prod", "shop", ""},
		{"clocks go forward during it", weekend, "2026-03-27T16:00:00+01:00", "prod", "shop", "Mon 30 Mar 08:00 CEST: weekend"},
		{"after the hour that is not there", weekend, "2026-03-30T06:00:00Z", "prod", "shop", ""},

		{"in the hour that comes twice, first", nightly, "2026-11-01T05:45:00Z", "prod", "payments-eu", "Sun 1 Nov 03:00 EST: batch"},
		{"again", nightly, "2026-11-01T06:45:00Z", "prod", "payments-eu", "Sun 1 Nov 03:00 EST: batch"},
		{"over", nightly, "2026-11-01T08:00:00Z", "prod", "payments-eu", ""},
		{"the hour that is not there is jumped", nightly, "2026-03-08T07:00:00Z", "prod", "payments", ""},
		{"before it", nightly, "2026-03-08T06:45:00Z", "prod", "payments", "Sun 8 Mar 03:00 EDT: batch"},
		{"another namespace", nightly, "2026-11-01T05:45:00Z", "prod", "shop", ""},
		{"a node holds them all", nightly, "2026-11-01T05:45:00Z", "prod", "", "Sun 1 Nov 03:00 EST: batch"},

		{"the day before", sale, "2026-11-26T22:59:59Z", "prod-eu", "shop", ""},
		{"the first day", sale, "2026-11-26T23:00:00Z", "prod-eu", "shop", "Tue 1 Dec 00:00 CET: sale"},
		{"the last day", sale, "2026-11-30T22:59:59Z", "prod-eu", "shop", "Tue 1 Dec 00:00 CET: sale"},
		{"the day after", sale, "2026-11-30T23:00:00Z", "prod-eu", "shop", ""},
		{"another cluster", sale, "2026-11-28T12:00:00Z", "dev", "shop", ""},
		{"always", always, "2026-11-25T12:00:00Z", "old", "shop", "Mon 30 Nov 00:00 UTC: no reason is configured"},
		{"always, at its turn", always, "2026-11-23T00:00:00Z", "old", "shop", "Mon 30 Nov 00:00 UTC: no reason is configured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			p := approvers
			p.Approvals.Freeze = []policy.Freeze{c.freeze}
			fine := item("elsewhere", "elsewhere", engine.OverRequestedCPU, 1)
			need, err := p.Need([]engine.ProposalItem{fine, item(c.cluster, c.namespace, engine.OverRequestedCPU, 1)}, 0, at)
			if need.People != 1 {
				t.Errorf("%d people", need.People)
			}
			switch {
			case c.until == "" && err != nil:
				t.Error(err)
			case c.until != "" && (engine.CodeOf(err) != engine.Forbidden || !strings.HasSuffix(err.Error(), "are frozen until "+c.until)):
				t.Errorf("%v, want until %q", err, c.until)
			}
		})
	}
}

func TestParseWeekly(t *testing.T) {
	for s, want := range map[string]string{
		"Fri 16:00 - Mon 08:00": "Fri 16:00 Mon 08:00", "friday 16:00-monday 8:00": "Fri 16:00 Mon 08:00",
		" Sat 00:00 - Sat 23:59 ": "Sat 00:00 Sat 23:59",
		"Fri 16:00":               "", "Fri 24:00 - Mon 08:00": "", "Fri - Mon": "", "": "", "F 1:00 - M 1:00": "", "Fri 16:00 - Mon 08:00 - Tue 1:00": "",
	} {
		w, err := policy.ParseWeekly(s)
		if want == "" {
			if engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), "Fri 16:00 - Mon 08:00") {
				t.Errorf("%q: %v, %v", s, w, err)
			}
			continue
		}
		if got := w.From.String() + " " + w.To.String(); err != nil || got != want {
			t.Errorf("%q: %s (%v), want %s", s, got, err, want)
		}
	}
}

func FuzzParseWeekly(f *testing.F) {
	f.Add("Fri 16:00 - Mon 08:00")
	f.Add("sunday 0:00-Sun 23:59")
	f.Fuzz(func(t *testing.T, s string) {
		w, err := policy.ParseWeekly(s)
		if err != nil {
			return
		}
		again, err := policy.ParseWeekly(w.From.String() + " - " + w.To.String())
		if err != nil || again != w {
			t.Errorf("%q is read as %v, and that as %v: %v", s, w, again, err)
		}
	})
}
