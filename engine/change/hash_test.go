package change

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

// unhashed are the fields of a draft that no person is shown, or that change while what is shown stays.
var unhashed = []string{"ID", "ProposalID", "FindingID", "GroupID", "Chain", "Commit", "Hash", "MadeAt", "Edits.Blob"}

// TestItemHashSeesEveryField sets each field of a draft, however deep, to something else. It fails for a field that is added to the
// draft and forgotten in the hash, and for one that must not be in it.
func TestItemHashSeesEveryField(t *testing.T) {
	whole := item()
	whole.Removal = &engine.Removal{
		GiB: 100, Type: "gp3", Zone: "eu-west-1a", CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), DetachedAt: time.Date(2026, 10, 2, 3, 4, 5, 0, time.UTC),
		Tags: map[string]string{"team": "payments"}, Whole: 8 * engine.USD, Snapshot: 5 * engine.USD, After: []string{"kubectl delete pv x"},
	}
	before := ItemHash(whole)
	seen := 0
	visit(reflect.ValueOf(&whole).Elem(), "", func(path string, v reflect.Value, other any) {
		was := reflect.ValueOf(v.Interface())
		v.Set(reflect.ValueOf(other).Convert(v.Type()))
		after := ItemHash(whole)
		back(t, whole)
		v.Set(was)
		seen++
		if hidden := slices.Contains(unhashed, path); hidden == (after != before) {
			t.Errorf("%s: hash changed: %v, want %v", path, after != before, !hidden)
		}
	})
	if seen < 40 {
		t.Fatalf("only %d fields were tried", seen)
	}
}

// visit calls f for each leaf below v with another value for it.
func visit(v reflect.Value, path string, f func(path string, v reflect.Value, other any)) {
	switch v.Kind() {
	case reflect.Struct:
		if at, ok := reflect.TypeAssert[time.Time](v); ok {
			f(path, v, at.Add(48*time.Hour))
			return
		}
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if v.Type().Field(i).Anonymous {
				name = ""
			}
			visit(v.Field(i), strings.Trim(path+"."+name, "."), f)
		}
	case reflect.Slice:
		if v.Len() > 0 {
			visit(v.Index(0), path, f)
			f(path+"[]", v, v.Slice(0, 0).Interface())
		}
	case reflect.Pointer:
		visit(v.Elem(), path, f)
		f(path+"*", v, reflect.Zero(v.Type()).Interface())
	case reflect.String:
		f(path, v, v.String()+"x")
	case reflect.Bool:
		f(path, v, !v.Bool())
	case reflect.Int, reflect.Int64:
		f(path, v, v.Int()+1)
	case reflect.Float64:
		f(path, v, v.Float()+0.001)
	case reflect.Map:
		f(path+"[]", v, reflect.Zero(v.Type()).Interface())
	default:
		panic("a draft has a field of a kind that this test does not know: " + path)
	}
}

// back shows that a draft which comes back from JSON, as the store keeps it, has the hash that it went in with.
func back(t *testing.T, i engine.ProposalItem) {
	t.Helper()
	data, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	var out engine.ProposalItem
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	if ItemHash(out) != ItemHash(i) {
		t.Fatal("a draft has another hash after JSON")
	}
}

func TestItemHashIsOfTheDay(t *testing.T) {
	a, b := item(), item()
	b.Basis.AsOf = a.Basis.AsOf.Add(time.Minute).In(time.FixedZone("", 7200))
	if ItemHash(a) != ItemHash(b) {
		t.Error("the same price list, read a minute later, makes another draft")
	}
	if n := len(ItemHash(a)); n != 64 {
		t.Errorf("a hash has %d digits, want 64", n)
	}
}

// TestItemHashTellsBoundaries moves a letter from the end of a text to the start of the next one.
func TestItemHashTellsBoundaries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.StringN(0, 4, 8), 2, 2).Draw(t, "texts")
		other := rapid.SliceOfN(rapid.StringN(0, 4, 8), 2, 2).Draw(t, "others")
		a, b := item(), item()
		a.Steps, b.Steps = text, other
		if (ItemHash(a) == ItemHash(b)) != slices.Equal(text, other) {
			t.Fatalf("%q and %q", text, other)
		}
		a, b = item(), item()
		a.Repo, a.Base, b.Repo, b.Base = text[0], text[1], other[0], other[1]
		if (ItemHash(a) == ItemHash(b)) != slices.Equal(text, other) {
			t.Fatalf("%q and %q", text, other)
		}
	})
}

func TestPlanHash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		titles := rapid.SliceOfN(rapid.StringN(0, 3, 6), 0, 6).Draw(t, "titles")
		var items []engine.ProposalItem
		for n, title := range titles {
			i := item()
			i.ID, i.Title = int64(n), title
			items = append(items, i)
		}
		want := PlanHash(items)
		seed := rapid.Uint64().Draw(t, "seed")
		shuffled := slices.Clone(items)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
		if PlanHash(shuffled) != want {
			t.Fatal("the order of items counts")
		}
		if len(items) == 0 {
			return
		}
		if PlanHash(items[1:]) == want {
			t.Fatal("an item less has the same hash")
		}
		if PlanHash(append(shuffled, items[0])) == want {
			t.Fatal("an item twice has the same hash")
		}
		items[0].Monthly++
		if PlanHash(items) == want {
			t.Fatal("an item's money does not count")
		}
	})
}

func TestSameChange(t *testing.T) {
	edit := item().Edits[0]
	moved := edit
	moved.Line, moved.Blob = 40, "other"
	moved.Diff = strings.Replace(edit.Diff, "@@ -10,3 +10,3 @@", "@@ -38,3 +38,3 @@", 1)
	neighbour := moved
	neighbour.Diff = strings.Replace(moved.Diff, "resources", "limits", 1)
	second := edit
	second.Path = "b.yaml"
	for name, c := range map[string]struct {
		a, b []engine.FileEdit
		want bool
	}{
		"the same":           {[]engine.FileEdit{edit}, []engine.FileEdit{edit}, true},
		"further down":       {[]engine.FileEdit{edit}, []engine.FileEdit{moved}, true},
		"in another order":   {[]engine.FileEdit{edit, second}, []engine.FileEdit{second, moved}, true},
		"other neighbours":   {[]engine.FileEdit{edit}, []engine.FileEdit{neighbour}, false},
		"in another file":    {[]engine.FileEdit{edit}, []engine.FileEdit{second}, false},
		"one edit is gone":   {[]engine.FileEdit{edit, second}, []engine.FileEdit{edit}, false},
		"nothing, otherwise": {nil, []engine.FileEdit{}, true},
	} {
		if got := SameChange(c.a, c.b); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// item is a draft with every field set.
func item() engine.ProposalItem {
	target := engine.Target{
		Workload:  engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "api"},
		Container: "app", Provider: "vol-0abc", Account: "123456789012", Region: "eu-west-1",
	}
	return engine.ProposalItem{
		ID: 7, ProposalID: 3, FindingID: 11, GroupID: 5, Chain: "finding/11/0",
		Wish: engine.Wish{
			Kind: engine.WishRequest, Target: target, Name: "api", Field: "memory", Old: "2Gi", New: "1229Mi",
			With: []engine.Wish{{Kind: engine.WishTarget, Target: target, Name: "api", Field: "memory", Old: "60", New: "80", With: []engine.Wish{{Kind: engine.WishLimit}}}},
		},
		Title: "payments/api memory 2 → 1.2 GiB", Kind: engine.OverRequestedMemory,
		Owner:   engine.Owner{Team: "payments", By: "label team"},
		Monthly: 41 * engine.USD, Cash: true,
		Basis:    engine.PriceBasis{Source: engine.PriceList, AsOf: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), Ratio: 0.8, Covered: 0.5, Note: "Savings Plans cover 50 %"},
		Risk:     engine.RiskLow,
		Backtest: &engine.Backtest{Days: 7, Samples: 2016, Over: 0.004, OverOld: 0.001, Kills: 1},
		Repo:     "shop/deploy", Base: "main", Commit: "c0ffee",
		Edits: []engine.FileEdit{{
			Path: "apps/payments/api.yaml", Blob: "b10b", Line: 11, Before: "  memory: 2Gi\n", After: "  memory: 1229Mi\n",
			Diff: "--- a/apps/payments/api.yaml\n+++ b/apps/payments/api.yaml\n@@ -10,3 +10,3 @@\n resources:\n-  memory: 2Gi\n+  memory: 1229Mi\n",
		}},
		ByHand: []engine.Place{{Path: "vars.tf", Line: 3, Text: "default = 3", Note: "variable size, default"}},
		Why:    "the value is a variable",
		Steps:  []string{"aws ec2 create-snapshot --volume-id vol-0abc"},
		Hash:   "9f86", MadeAt: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC),
	}
}
