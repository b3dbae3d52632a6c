package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

func TestAuditVerify(t *testing.T) {
	url := storetest.URL(t)
	t.Setenv("AUTOPILOT_DATABASE_URL", url)
	if code, out, errs := call(t, "audit", "verify"); code != 0 || out != "0 rows hold\nhead \ncompared with no anchor: audit.anchor is not configured\n" {
		t.Errorf("an empty log: %d %s%s", code, out, errs)
	}
	st := storetest.Open(t, url, store.Options{})
	for k := range 4 {
		err := st.SetPause(t.Context(), engine.Decision{ID: fmt.Sprint(k), Action: engine.ActionPause, By: engine.Person{ID: "U1"}, At: time.Now(), Allowed: true})
		if err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := call(t, "audit", "verify")
	if code != 0 || !regexp.MustCompile("^4 rows hold\nhead [0-9a-f]{64}\ncompared with no anchor").MatchString(out) {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if _, head, err := st.AuditHead(t.Context()); err != nil || !strings.Contains(out, head) {
		t.Errorf("%s has not the head %s (%v)", out, head, err)
	}

	code, out, errs = call(t, "export", "audit", "-after", "2")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var third, fourth struct {
		Seq                       int64
		By, Action, Subject, Hash string
		Allowed                   bool
		PrevHash                  string `json:"prev_hash"`
	}
	if code != 0 || errs != "2 rows\n" || len(lines) != 2 {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	if err := errors.Join(json.Unmarshal([]byte(lines[0]), &third), json.Unmarshal([]byte(lines[1]), &fourth)); err != nil {
		t.Fatal(err)
	}
	if _, head, err := st.AuditHead(t.Context()); third.Seq != 3 || third.By != "U1" || third.Action != "pause" || !third.Allowed || fourth.PrevHash != third.Hash || fourth.Hash != head {
		t.Errorf("%s ends not in the head %s (%v)", out, head, err)
	}
	if code, _, errs := call(t, "export", "audit", "-after", "-1"); code != 2 || !strings.Contains(errs, "the seq of the last one") {
		t.Errorf("%d %s", code, errs)
	}

	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	if _, err := c.Exec(t.Context(), `ALTER TABLE audit_log DISABLE TRIGGER ALL; UPDATE audit_log SET by_id = 'U2' WHERE seq = 3`); err != nil {
		t.Fatal(err)
	}
	code, out, errs = call(t, "audit", "verify")
	if code != 1 || !strings.HasPrefix(out, "2 rows hold\n") || !strings.Contains(errs, "audit row 3 was changed") {
		t.Errorf("%d %s%s", code, out, errs)
	}
}
