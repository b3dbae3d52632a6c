package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
)

const exportAuditUsage = `autopilot export audit writes the rows of the audit log as JSON lines, oldest first, for a SIEM: who, when, what, about what, allowed or
refused and why, with the hashes of the chain. What follows a row that was taken before is had by -after; the same rows give the same bytes.

It needs AUTOPILOT_DATABASE_URL alone.

`

// auditLine is a row of the audit log as it leaves the database. docs/security.md describes it; a field is added, never renamed.
type auditLine struct {
	Seq      int64         `json:"seq"`
	At       time.Time     `json:"at"`
	By       string        `json:"by"` // Slack user id; empty: the bot itself
	Name     string        `json:"name,omitempty"`
	Action   engine.Action `json:"action"`
	Subject  string        `json:"subject"` // "incident/42"
	Allowed  bool          `json:"allowed"`
	Reason   string        `json:"reason,omitempty"`
	Plan     string        `json:"plan,omitempty"` // hash of what was approved
	PrevHash string        `json:"prev_hash"`
	Hash     string        `json:"hash"`
}

// exportAudit is autopilot export audit: it gives the exit code, 2 for a call that cannot be understood.
func exportAudit(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var after int64
	var out string
	flags := flag.NewFlagSet("export audit", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = io.WriteString(stderr, exportAuditUsage)
		flags.PrintDefaults()
	}
	flags.Int64Var(&after, "after", 0, "the number (seq) of the last row that was taken")
	flags.StringVar(&out, "o", "", "the file; the standard output when there is none")
	if code, ok := parsed(flags, args, stderr); !ok {
		return code
	}
	if after < 0 {
		_, _ = fmt.Fprintf(stderr, "autopilot export audit: -after %d is no row; 0 for all of them, or the seq of the last one that you have\n", after)
		return 2
	}
	n := 0
	err := into(out, stdout, func(w io.Writer) error {
		lines := json.NewEncoder(w)
		lines.SetEscapeHTML(false)
		return withStore(ctx, func(st *store.Store) error {
			return st.AuditSince(ctx, after, func(r engine.AuditRow) error {
				n++
				return lines.Encode(auditLine{
					Seq: r.Seq, At: r.At.UTC(), By: r.By.ID, Name: r.By.Name, Action: r.Action, Subject: r.Subject, Allowed: r.Allowed, Reason: r.Reason,
					Plan: r.Plan, PrevHash: r.PrevHash, Hash: r.Hash,
				})
			})
		})
	})
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "autopilot export audit: %v\n", err)
		return 1
	}
	_, _ = fmt.Fprintf(stderr, "%d rows\n", n)
	return 0
}
