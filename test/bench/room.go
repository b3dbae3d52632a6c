package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/deploy"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// holdDown is how long all must be well before an incident resolves: short, so that runs follow one another.
const holdDown = "2s"

// room is a stand with a bot, and what is needed to look at it.
type room struct {
	*stand.Stand
	reader reader.Reader
	people map[string]string // name to id
	player *scenario.Player
	store  *store.Store
	keep   bool        // leave the logs and the database where they are, for whoever looks into a miss
	kills  []time.Time // of the bot
}

// enter starts the parts that every figure needs, with the bot's own rights and a PostgreSQL that syncs to disk.
// edits may change what is started. leave must be called when err is nil.
func enter(ctx context.Context, name string, c cluster.Config, edits ...func(*stand.Config)) (r *room, leave func() error, err error) {
	dir, err := os.MkdirTemp("", "autopilot-bench-")
	if err != nil {
		return nil, nil, err
	}
	// PostgreSQL runs as a user of its own, who must be able to enter.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, nil, err
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(deploy.ReaderRole(), &role); err != nil {
		return nil, nil, fmt.Errorf("the shipped role: %w", err)
	}
	conf := stand.Config{
		Name: name, Dir: dir, Rules: role.Rules, Cluster: c, Durable: true,
		Parts:    []stand.Part{stand.SlackPart, stand.PostgresPart, stand.ClusterPart, stand.BotPart},
		EditBot:  func(b *stand.BotConfig) { b.HoldDown = holdDown },
		Progress: func(line string) { progress("%s", line) },
	}
	for _, edit := range edits {
		edit(&conf)
	}
	st, err := stand.Start(ctx, conf)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	r = &room{Stand: st, people: map[string]string{}}
	leave = func() error {
		if r.store != nil {
			r.store.Close()
		}
		if err := st.Stop(context.WithoutCancel(ctx)); err != nil || r.keep {
			progress("the logs and the database are kept in %s", dir)
			return err
		}
		return os.RemoveAll(dir)
	}
	if err := r.furnish(ctx); err != nil {
		return nil, nil, errors.Join(err, leave())
	}
	return r, leave, nil
}

func (r *room) furnish(ctx context.Context) error {
	control := r.Slack.Control()
	state, err := control.State(ctx)
	if err != nil {
		return err
	}
	for _, u := range state.Users {
		r.people[u.Name] = u.ID
	}
	r.reader = reader.Reader{Control: control, Channel: "incidents", User: r.people["ana"]}
	if r.player, err = scenario.NewPlayer(r.Cluster.RESTConfig(), r.Cluster); err != nil {
		return err
	}
	r.store, err = store.Open(ctx, r.Postgres.URL(), store.Options{})
	return err
}

// quietly runs the rest of a figure and takes the stand away after it.
func quietly(leave func() error, do func() error) (err error) {
	defer func() { err = errors.Join(err, leave()) }()
	return do()
}

// card waits until a card shows all the texts. It gives the card, and when the change that brought them was heard of.
func (r *room) card(ctx context.Context, within time.Duration, texts ...string) (m slack.Message, at time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err = r.reader.WaitFor(ctx, func(ctx context.Context) (bool, error) {
		var ok bool
		m, ok, err = r.reader.Card(ctx, texts...)
		at = time.Now()
		return ok, err
	})
	if err != nil {
		err = fmt.Errorf("no card with %q within %s: %w", texts, within, err)
	}
	return m, at, err
}

// incidents are all incidents of a namespace.
func (r *room) incidents(ctx context.Context, namespace string) ([]engine.Incident, error) {
	return r.store.Incidents(ctx, engine.IncidentFilter{Namespace: namespace, AnyStatus: true, Limit: 500})
}

// calls counts, by method, what Slack was asked for and did since a number of its record, and gives the next number.
func (r *room) calls(ctx context.Context, since int64) (accepted map[string]int, refused int, next int64, err error) {
	all, err := r.reader.Calls(ctx, since)
	if err != nil {
		return nil, 0, since, err
	}
	accepted, next = map[string]int{}, since
	for _, c := range all {
		next = max(next, c.N+1)
		switch {
		case c.OK:
			accepted[c.Method]++
		case c.Status == 429:
			refused++
		}
	}
	return accepted, refused, next, nil
}

// posted is when Slack took a message, which its ts says.
func posted(m slack.Message) (time.Time, error) {
	whole, micros, ok := strings.Cut(m.TS, ".")
	s, err := strconv.ParseInt(whole, 10, 64)
	us, err2 := strconv.ParseInt(micros, 10, 64)
	if !ok || err != nil || err2 != nil || len(micros) != 6 {
		return time.Time{}, fmt.Errorf("ts %q is not a Slack time", m.TS)
	}
	return time.UnixMicro(s*1_000_000 + us), nil
}

// in moves a scenario into a namespace of its own, with the texts that it expects.
func in(s scenario.Scenario, namespace string) scenario.Scenario {
	texts := make([]string, len(s.Expect.Card))
	for n, t := range s.Expect.Card {
		texts[n] = strings.Replace(t, s.Namespace+"/", namespace+"/", 1)
	}
	s.Namespace, s.Expect.Card = namespace, texts
	return s
}

// subject is how a card names the workload of a scenario.
func subject(s scenario.Scenario) string {
	_, name, _ := strings.Cut(s.Expect.Workload, "/")
	return s.Namespace + "/" + name
}
