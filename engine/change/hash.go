package change

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// ItemHash gives the hash, in hex, of all that a person is shown of a draft: what it is bound to when somebody says yes. Ids, the
// commit that it was made on, git's ids of files and the time that it was made are not in it, so that the same draft made again
// has the same hash.
func ItemHash(i engine.ProposalItem) string {
	c := canon{sha256.New()}
	c.text("item/1", i.Title, string(i.Kind), i.Owner.Team, i.Owner.By, i.Repo, i.Base, string(i.Risk), i.Why)
	c.number(int64(i.Monthly))
	c.truth(i.Cash)
	c.wish(i.Wish)
	c.basis(i.Basis)
	c.backtest(i.Backtest)
	c.edits(i.Edits)
	c.number(int64(len(i.ByHand)))
	for _, p := range i.ByHand {
		c.text(p.Path, strconv.Itoa(p.Line), p.Text, p.Note)
	}
	c.text(i.Steps...)
	c.removal(i.Removal)
	if i.Because != "" { // so were all drafts hashed before there were offers that mend
		c.text("because/1", i.Because)
	}
	return c.sum()
}

// PlanHash gives the hash of items together, in whatever order.
func PlanHash(items []engine.ProposalItem) string {
	hashes := make([]string, len(items))
	for n, i := range items {
		hashes[n] = ItemHash(i)
	}
	slices.Sort(hashes)
	c := canon{sha256.New()}
	c.text(append([]string{"plan/1"}, hashes...)...)
	return c.sum()
}

// SameChange tells whether two lists of edits do the same to the same lines amid the same neighbours, wherever in the file these
// stand by now. What was approved may be done on a newer commit exactly when this holds.
func SameChange(a, b []engine.FileEdit) bool {
	return slices.Equal(essence(a), essence(b))
}

// essence gives what edits do, without where, in the order of paths and then of lines.
func essence(edits []engine.FileEdit) []string {
	sorted := slices.SortedStableFunc(slices.Values(edits), func(x, y engine.FileEdit) int {
		if c := strings.Compare(x.Path, y.Path); c != 0 {
			return c
		}
		return x.Line - y.Line
	})
	var out []string
	for _, e := range sorted {
		out = append(out, e.Path, e.Before, e.After)
		for line := range strings.Lines(e.Diff) {
			if !strings.HasPrefix(line, "@@ ") {
				out = append(out, line)
			}
		}
	}
	return out
}

// canon feeds a hash so that no two values look alike: every text has its length before it, every list its count.
type canon struct{ hash.Hash }

func (c canon) sum() string { return hex.EncodeToString(c.Sum(nil)) }

func (c canon) number(n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // the bits are what is wanted
	_, _ = c.Write(b[:])                        // a hash takes everything
}

func (c canon) truth(b bool) {
	if b {
		c.number(1)
		return
	}
	c.number(0)
}

func (c canon) real(f float64) { c.text(strconv.FormatFloat(f, 'g', -1, 64)) }

func (c canon) text(all ...string) {
	c.number(int64(len(all)))
	for _, s := range all {
		c.number(int64(len(s)))
		_, _ = c.Write([]byte(s)) // a hash takes everything
	}
}

func (c canon) wish(w engine.Wish) {
	t := w.Target
	c.text(string(w.Kind), w.Name, w.Field, w.Old, w.New,
		t.Cluster, t.Namespace, t.Kind, t.Name, t.Container, t.Provider, t.Account, t.Region)
	c.number(int64(len(w.With)))
	for _, with := range w.With {
		c.wish(with)
	}
}

// basis knows the day of a price and not its second: a list that is read again within a day is the same list.
func (c canon) basis(b engine.PriceBasis) {
	day := ""
	if !b.AsOf.IsZero() {
		day = b.AsOf.UTC().Format(time.DateOnly)
	}
	c.text(string(b.Source), day, b.Note)
	c.real(b.Ratio)
	c.real(b.Covered)
}

func (c canon) backtest(b *engine.Backtest) {
	c.truth(b != nil)
	if b == nil {
		return
	}
	c.real(b.Days)
	c.number(int64(b.Samples))
	c.real(b.Over)
	c.real(b.OverOld)
	c.number(int64(b.Kills))
}

// removal adds nothing where there is none: so were all drafts hashed before the bot removed volumes.
func (c canon) removal(r *engine.Removal) {
	if r == nil {
		return
	}
	c.text("removal/1", r.Type, r.Zone, r.CreatedAt.UTC().Format(time.RFC3339), r.DetachedAt.UTC().Format(time.RFC3339))
	c.number(r.GiB)
	c.number(int64(r.Whole))
	c.number(int64(r.Snapshot))
	c.number(int64(len(r.Tags)))
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		c.text(key, r.Tags[key])
	}
	c.text(r.After...)
}

func (c canon) edits(edits []engine.FileEdit) {
	c.number(int64(len(edits)))
	for _, e := range edits {
		c.text(e.Path, strconv.Itoa(e.Line), e.Before, e.After, e.Diff)
	}
}
