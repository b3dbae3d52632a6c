package store_test

import (
	"os"
	"testing"

	"github.com/eks-autopilot/autopilot/bot"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// What the bot needs, the store has.
var (
	_ bot.Inbox   = (*store.Store)(nil)
	_ bot.Outbox  = (*store.Store)(nil)
	_ bot.Content = (*store.Store)(nil)
)

func TestMigrated(t *testing.T) {
	s := storetest.New(t, store.Options{})
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}
