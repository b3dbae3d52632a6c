package waste

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine"
)

// A finding is judged only by what it rests on.
func TestJudged(t *testing.T) {
	cpu, node := wasted(engine.OverRequestedCPU, "x"), wasted(engine.IdleNode, "n1")
	volume := wasted(engine.OrphanVolume, "vol-1")
	volume.Target.Account, volume.Target.Region = "1", "r"
	whole := func() *Snapshot {
		return &Snapshot{
			Clusters: []Cluster{{Name: "c", Account: "1", Region: "r", Complete: true}, {Name: "d", Complete: true}},
			Accounts: []Account{{ID: "1", Region: "r"}, {ID: "2", Region: "r"}},
		}
	}
	type verdict struct{ CPU, Node, Volume bool }
	for name, c := range map[string]struct {
		change    func(*Snapshot)
		namespace string
		want      verdict
	}{
		"all is there":             {func(*Snapshot) {}, "", verdict{true, true, true}},
		"one namespace":            {func(*Snapshot) {}, "n", verdict{true, false, false}},
		"another namespace":        {func(*Snapshot) {}, "m", verdict{}},
		"no Prometheus":            {func(s *Snapshot) { s.Clusters[0].Missing = []Part{PartUsage} }, "", verdict{false, true, true}},
		"no VPAs":                  {func(s *Snapshot) { s.Clusters[0].Missing = []Part{PartVertical} }, "", verdict{false, true, true}},
		"no Karpenter":             {func(s *Snapshot) { s.Clusters[0].Missing = []Part{PartNodePools} }, "", verdict{true, false, true}},
		"no backups elsewhere":     {func(s *Snapshot) { s.Clusters[1].Missing = []Part{PartBackups} }, "", verdict{true, true, false}},
		"the cluster in part":      {func(s *Snapshot) { s.Clusters[0].Complete = false }, "", verdict{}},
		"another cluster in part":  {func(s *Snapshot) { s.Clusters[1].Complete = false }, "", verdict{true, true, false}},
		"not this cluster":         {func(s *Snapshot) { s.Clusters = s.Clusters[1:] }, "", verdict{false, false, true}},
		"no instances":             {func(s *Snapshot) { s.Accounts[0].Missing = []Part{PartInstances} }, "", verdict{true, false, false}},
		"no groups":                {func(s *Snapshot) { s.Accounts[0].Missing = []Part{PartGroups} }, "", verdict{true, false, true}},
		"no volumes":               {func(s *Snapshot) { s.Accounts[0].Missing = []Part{PartVolumes} }, "", verdict{true, true, false}},
		"no snapshots":             {func(s *Snapshot) { s.Accounts[0].Missing = []Part{PartSnapshots} }, "", verdict{true, true, false}},
		"another account in part":  {func(s *Snapshot) { s.Accounts[1].Missing = []Part{PartVolumes, PartGroups} }, "", verdict{true, true, true}},
		"no account at all":        {func(s *Snapshot) { s.Accounts = nil }, "", verdict{true, true, false}},
		"the cluster's is another": {func(s *Snapshot) { s.Accounts[0].Region = "q" }, "", verdict{true, true, false}},
	} {
		s := whole()
		c.change(s)
		got := verdict{s.Judged(cpu, c.namespace), s.Judged(node, c.namespace), s.Judged(volume, c.namespace)}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if whole().Judged(engine.Finding{Kind: "new"}, "") {
		t.Error("a kind that nobody knows is judged")
	}
}

func TestCardsChoose(t *testing.T) {
	group := func(key, team string, dollars float64) engine.FindingGroup {
		return engine.FindingGroup{Key: key, Owner: engine.Owner{Team: team}, Monthly: engine.Dollars(dollars)}
	}
	waiting := []engine.FindingGroup{group("a", "", 10), group("b", "", 30), group("c", "shop", 5), group("d", "", 20), group("e", "shop", 50), group("f", "", 20)}
	choose := func(c Cards, today map[string]int) (keys []string) {
		for _, g := range c.Choose(waiting, today) {
			keys = append(keys, g.Key)
		}
		return keys
	}
	cards := Cards{Threshold: 10 * engine.USD, PerDay: 2, Channel: "#all", Teams: map[string]string{"shop": "#shop"}}
	for name, c := range map[string]struct {
		cards Cards
		today map[string]int
		want  []string
	}{
		"the dearest of each channel": {cards, nil, []string{"e", "b", "d"}},
		"what is left of the day":     {cards, map[string]int{"#all": 1, "#shop": 2}, []string{"b"}},
		"nothing by default":          {Cards{}, nil, nil},
		"without a common channel":    {Cards{PerDay: 9, Teams: cards.Teams}, nil, []string{"e", "c"}},
	} {
		if diff := cmp.Diff(c.want, choose(c.cards, c.today)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	berlin := time.FixedZone("CET", 3600)
	if got := (Cards{Location: berlin}).Today(time.Date(2026, 1, 1, 23, 30, 0, 0, time.UTC)); !got.Equal(time.Date(2026, 1, 1, 23, 0, 0, 0, time.UTC)) {
		t.Errorf("half past midnight in Berlin is in the day of %v", got)
	}
}

func TestRemember(t *testing.T) {
	nan := float32(math.NaN())
	day := func(n int) time.Time { return scanned.Truncate(24*time.Hour).AddDate(0, 0, n) }
	x, y := ContainerKey{Name: "x"}, ContainerKey{Name: "y"}
	remembered := map[ContainerKey][]Peak{x: {{day(-30), 3, 300}, {day(0), 1, nan}}}
	all, changed := Remember(remembered, map[ContainerKey][]Peak{
		x: {{day(0), 0.5, 100}, {day(-1), 2, 200}, {day(-30), nan, 100}},
		y: {{day(0), nan, nan}, {day(-1), -1, float32(math.Inf(1))}},
	})
	if diff := cmp.Diff(map[ContainerKey][]Peak{x: {{day(-30), 3, 300}, {day(-1), 2, 200}, {day(0), 1, 100}}}, all, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[ContainerKey][]Peak{x: {{day(0), 1, 100}, {day(-1), 2, 200}}}, changed, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if _, changed = Remember(all, map[ContainerKey][]Peak{x: {{day(0), 0.5, nan}}}); len(changed) != 0 {
		t.Errorf("nothing is higher, yet %v is new", changed)
	}
	if all, _ := Remember(nil, map[ContainerKey][]Peak{x: {{day(0), 1, 1}}}); len(all[x]) != 1 {
		t.Errorf("with nothing remembered: %v", all)
	}
}

func TestClocksAndSkips(t *testing.T) {
	s := Snapshot{Accounts: []Account{{ID: "1", Volumes: []Volume{
		{ID: "free", State: "available"}, {ID: "used", State: "in-use", Attachments: []Attachment{{Instance: "i-1"}}}, {ID: "new", State: "creating"},
	}}}}
	holding, broken := s.Clocks()
	if diff := cmp.Diff([][]string{{"detached/1/free"}, {"detached/1/used", "detached/1/new"}}, [][]string{holding, broken}); diff != "" {
		t.Error(diff)
	}
	got := CountSkips([]Skip{
		{Kind: engine.IdleNode, Reason: "b"},
		{Kind: engine.OverRequestedCPU, Reason: "b"},
		{Kind: engine.OverRequestedCPU, Reason: "a"},
		{Kind: engine.OrphanVolume, Reason: "z", Detail: "1"},
		{Kind: engine.OrphanVolume, Reason: "z", Detail: "2"},
	})
	want := []engine.SkipLine{
		{Kind: engine.OrphanVolume, Reason: "z", Count: 2},
		{Kind: engine.OverRequestedCPU, Reason: "a", Count: 1},
		{Kind: engine.OverRequestedCPU, Reason: "b", Count: 1},
		{Kind: engine.IdleNode, Reason: "b", Count: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
