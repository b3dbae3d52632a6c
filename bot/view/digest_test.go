package view_test

import (
	"testing"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

const digestKey = "digest/2026-W47/finops"

func TestGoldenDigest(t *testing.T) {
	golden(t, map[string]any{
		"digest_week":      view.Digest(digestKey, week(), workspace),
		"digest_empty":     view.Digest(digestKey, empty(), workspace),
		"digest_first":     view.Digest(digestKey, first(), workspace),
		"digest_missing":   view.Digest(digestKey, gappy(), workspace),
		"digest_credits":   view.Digest(digestKey, credited(), workspace),
		"digest_closed":    view.Digest("digest/2026-10/board", closed(), workspace),
		"digest_details_1": must(view.DigestDetails(week(), 1)),
		"digest_details_2": must(view.DigestDetails(week(), 2)),
		"digest_details_0": must(view.DigestDetails(empty(), 1)),
		"reply_digest":     view.Reply(engine.Reply{Text: "The page of it comes as a direct message.", Digest: new(week())}, workspace),
	})
}
