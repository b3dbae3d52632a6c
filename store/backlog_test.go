package store_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestBacklog(t *testing.T) {
	w := newWorld(t)
	b, err := w.Backlog(t.Context())
	w.must(err)
	equal(t, "messages of an empty database", b.Messages.Count, 0)

	w.open(api)
	mild := w.signal(node, engine.ClassNodePressure)
	mild.Severity = engine.Warning
	w.watch(node, mild)
	w.sql(`UPDATE messages SET declared_at = now() - interval '1 min', attempts = 5 WHERE key = 'incident/1/card'`)
	w.sql(`UPDATE river_job SET scheduled_at = now() - interval '30 s' WHERE kind = 'diagnose'`)
	w.sql(`INSERT INTO inbox (id, kind, body, at, received_at, claimed_until) VALUES ('p', 'slash', '', now(), now() - interval '5 s', now())`)
	b, err = w.Backlog(t.Context())
	w.must(err)
	equal(t, "that fail", b.Failing.Count, 1)
	equal(t, "open, critical", b.Open["critical"], 1)
	equal(t, "open, warning", b.Open["warning"], 1)
	equal(t, "payloads", b.Payloads.Count, 1)
	if b.Messages.Count < 2 || b.Messages.Age < time.Minute || b.Payloads.Age < 5*time.Second || b.Payloads.Age > time.Minute {
		t.Errorf("messages %+v, payloads %+v", b.Messages, b.Payloads)
	}
	due := w.sql(`SELECT count(*) FROM river_job WHERE kind = 'diagnose'`)
	found := false
	for _, k := range b.Tasks {
		found = found || k.Kind == "diagnose" && strconv.Itoa(k.Count) == due && k.Age >= 30*time.Second
	}
	if !found {
		t.Errorf("tasks that are due: %+v; want %s to diagnose for half a minute", b.Tasks, due)
	}
}
