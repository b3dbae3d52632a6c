package handlers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// AuditChain is the audit log as an anchor is compared with it.
type AuditChain interface {
	AuditHead(ctx context.Context) (seq int64, hash string, err error)
	AuditHashes(ctx context.Context, seqs []int64) (map[int64]string, error)
}

// AnchorKeeper keeps anchors where who can write to the database cannot change them. The same row on the same day is kept once.
// Newest fails with NotFound when there is none.
type AnchorKeeper interface {
	Key(a engine.Anchor) string
	Newest(ctx context.Context, since time.Time) (engine.Anchor, error)
	Write(ctx context.Context, a engine.Anchor) error
}

// Anchoring is what keeping the audit log's head elsewhere needs.
type Anchoring struct {
	Chain   AuditChain
	Keeper  AnchorKeeper
	Every   time.Duration
	Version string // of this program
}

// patience is how many times Every may pass before somebody is told that nothing was anchored.
const patience = 2

// anchor keeps the head of the audit log elsewhere when the newest anchor is old enough. A chain that contradicts that one is not
// anchored: the anchors would agree with it from then on.
func (h *Handlers) anchor(ctx context.Context, _ engine.Task) error {
	a := h.Anchoring
	s, err := a.Stand(ctx, h.Now())
	switch {
	case engine.CodeOf(err) == engine.Conflict:
		h.Log.ErrorContext(ctx, "the audit log is not the one that was anchored: nothing is anchored until somebody looks; run autopilot audit verify", "error", err)
		return nil
	case err != nil:
		return err
	}
	if s.Stale > 0 {
		h.Log.WarnContext(ctx, "the audit log was not anchored for long", "newest", s.Newest.At, "seq", s.Newest.Seq, "for", s.Stale)
	}
	next := engine.Anchor{Seq: s.Head.Seq, Hash: s.Head.Hash, At: h.Now().UTC().Truncate(time.Second), Version: a.Version}
	if s.Head.Seq == 0 || s.Newest.Seq > 0 && (next.At.Sub(s.Newest.At) < a.Every || a.Keeper.Key(next) == a.Keeper.Key(s.Newest)) {
		return nil
	}
	if err := a.Keeper.Write(ctx, next); err != nil {
		return fmt.Errorf("row %d of the audit log cannot be anchored: %w", next.Seq, err)
	}
	h.Log.InfoContext(ctx, "anchored the audit log", "seq", next.Seq, "hash", next.Hash, "key", a.Keeper.Key(next))
	return nil
}

// AnchorStand is where the newest anchor stands against the chain.
type AnchorStand struct {
	Newest engine.Anchor // Seq 0 when there is none
	Head   engine.Anchor // the newest row, which nothing anchors yet; Seq 0 while there is none
	Stale  time.Duration // how long ago Newest was, where that is too long and rows came since; 0 otherwise
}

// Stand compares the newest anchor with the chain. It fails with Conflict when they contradict each other.
func (a *Anchoring) Stand(ctx context.Context, now time.Time) (AnchorStand, error) {
	var s AnchorStand
	newest, err := a.Keeper.Newest(ctx, now.Add(-patience*a.Every))
	switch {
	case engine.CodeOf(err) == engine.NotFound:
	case err != nil:
		return s, err
	default:
		s.Newest = newest
		if err := HoldAnchors(ctx, a.Chain, []engine.Anchor{newest}); err != nil {
			return s, err
		}
	}
	// Read after the anchor, so that the head is never behind what was anchored meanwhile.
	if s.Head.Seq, s.Head.Hash, err = a.Chain.AuditHead(ctx); err != nil {
		return s, err
	}
	if age := now.Sub(newest.At); s.Newest.Seq > 0 && age > patience*a.Every && s.Head.Seq > s.Newest.Seq {
		s.Stale = age
	}
	return s, nil
}

// HoldAnchors fails with Conflict at the first row whose anchor the chain contradicts.
func HoldAnchors(ctx context.Context, chain AuditChain, anchors []engine.Anchor) error {
	seqs := make([]int64, 0, len(anchors))
	for _, x := range anchors {
		seqs = append(seqs, x.Seq)
	}
	hashes, err := chain.AuditHashes(ctx, seqs)
	if err != nil {
		return err
	}
	sorted := slices.SortedFunc(slices.Values(anchors), func(x, y engine.Anchor) int { return cmp.Compare(x.Seq, y.Seq) })
	for _, x := range sorted {
		switch hash, there := hashes[x.Seq]; {
		case !there:
			return engine.Errorf(engine.Conflict, "audit row %d was anchored on %s, and is not there: rows were cut off", x.Seq, x.At.Format(time.DateTime))
		case hash != x.Hash:
			return engine.Errorf(engine.Conflict, "audit row %d was anchored on %s with the hash %s, and has %s: the chain was written anew", x.Seq, x.At.Format(time.DateTime), x.Hash, hash)
		}
	}
	return nil
}
