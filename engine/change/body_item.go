package change

import (
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	maxReasons = 8
	diffRoom   = 6_000 // bytes of an edit's diff that are shown; the pull request itself shows all of it
)

// itemText is the evidence of one line. It folds up unless it is the only one.
func itemText(i engine.ProposalItem, o Options, open bool) string {
	var b strings.Builder
	if open {
		b.WriteString("### Evidence\n\n")
	} else {
		fmt.Fprintf(&b, "<details><summary>%s</summary>\n\n", htmlText(i.Title, titleLimit))
	}
	if i.Because != "" {
		fmt.Fprintf(&b, "- %s\n", prose(i.Because, 2*proseLimit))
	} else {
		fmt.Fprintf(&b, "- Price: %s.\n", basisText(i.Basis))
	}
	if i.Basis.Covered > 0 && i.Basis.Note == "" {
		fmt.Fprintf(&b, "- Savings Plans and reservations cover %s of such usage: what is freed there saves money once it is more than they cover.\n", percent(i.Basis.Covered))
	}
	if i.Monthly > 0 && !i.Cash {
		b.WriteString("- It frees capacity; the bill falls when a node goes.\n")
	}
	if t := i.Backtest; t != nil {
		kills := ""
		if i.Kind == engine.OverRequestedMemory {
			kills = fmt.Sprintf(", with %d OOM kills", t.Kills)
		}
		fmt.Fprintf(&b, "- Backtest: sized from what came before and tried on the last %.1f days (%d samples), use was above the proposed request in %s of samples (%s with the request of today)%s.\n",
			t.Days, t.Samples, percent(t.Over), percent(t.OverOld), kills)
	}
	f, known := o.Findings[i.FindingID]
	if known {
		b.WriteString(findingText(f))
	}
	if i.Why != "" {
		fmt.Fprintf(&b, "- To be edited by hand, for the bot does not guess: %s.\n", prose(strings.TrimSuffix(i.Why, "."), proseLimit))
	}
	for n, p := range i.ByHand {
		if n == maxReasons {
			fmt.Fprintf(&b, "  - and %d more places\n", len(i.ByHand)-n)
			break
		}
		fmt.Fprintf(&b, "  - %s: %s\n", code(fmt.Sprintf("%s:%d", p.Path, p.Line), 2*nameLimit), prose(p.Note, proseLimit))
	}
	b.WriteString("\n")
	if known && f.Sizing != nil {
		if chart := chartText(f.Sizing.Chart); chart != "" {
			b.WriteString(chart + "\n")
		}
	}
	for _, e := range i.Edits {
		diff := e.Diff
		if len(diff) > diffRoom {
			diff = strings.ToValidUTF8(diff[:diffRoom], "") + "\n…"
		}
		b.WriteString(fenced("diff", diff) + "\n")
	}
	if len(i.Edits) > 0 {
		b.WriteString("Nothing else changes: the files were read again after the edit, and every other byte is as it was.\n\n")
	}
	if !open {
		b.WriteString("</details>\n\n")
	}
	return b.String()
}

func findingText(f engine.Finding) string {
	var b strings.Builder
	if f.Confidence > 0 {
		fmt.Fprintf(&b, "- Confidence that this is waste: %.0f %%.\n", 100*f.Confidence)
	}
	if s := f.Sizing; s != nil {
		fmt.Fprintf(&b, "- Highest use in %.0f days: %s; %.1f replicas on average; %.1f days of history, %d samples.\n",
			s.PeakDays, Quantity(s.Peak, s.Resource), s.Replicas, s.Days, s.Samples)
	}
	if n := f.Node; n != nil {
		fmt.Fprintf(&b, "- %s in %s: %s of its CPU and %s of its memory are requested; all %d pods fit on other nodes.\n",
			code(n.Instance, nameLimit), code(n.Zone, nameLimit), percent(n.CPUShare), percent(n.MemoryShare), len(n.Placements))
	}
	if v := f.Volume; v != nil {
		fmt.Fprintf(&b, "- %d GiB of %s, seen detached since %s; nobody in %s wants it.\n", v.GiB, code(v.Type, nameLimit), timeText(v.DetachedAt), prose(strings.Join(v.Searched, ", "), proseLimit))
		if v.Snapshot != "" {
			fmt.Fprintf(&b, "- Newest snapshot: %s of %s.\n", code(v.Snapshot, nameLimit), timeText(v.SnapshotAt))
		}
	}
	bullets(&b, "", f.Reasons)
	bullets(&b, "Risk: ", f.Risks)
	bullets(&b, "Note: ", f.Caveats)
	return b.String()
}

func bullets(b *strings.Builder, label string, texts []string) {
	for n, text := range texts {
		if n == maxReasons {
			fmt.Fprintf(b, "- and %d more\n", len(texts)-n)
			return
		}
		fmt.Fprintf(b, "- %s%s\n", label, prose(text, proseLimit))
	}
}
