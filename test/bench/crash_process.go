package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/github"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/policy"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/rca"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// process is one life of the bot: its handlers, its store and its forge, all of which reach the world through one gate.
type process struct {
	*handlers.Handlers
	gate  *gate
	wire  *wire
	st    *store.Store
	tasks map[engine.TaskKind]func(context.Context, engine.Task) error
	forge *http.Transport
	door  *door           // to the API server; nil where there is none
	ctx   context.Context // ends with the process
	end   context.CancelFunc
}

// newProcess starts the bot. It is cut off at step at, 0 for never, before or after that took effect.
func newProcess(ctx context.Context, n *nature, at int, after bool) (*process, error) {
	p := &process{gate: &gate{at: at, after: after}, forge: http.DefaultTransport.(*http.Transport).Clone()}
	var err error
	if p.wire, err = newWire(ctx, n.url, p.gate); err != nil {
		return nil, err
	}
	p.ctx, p.end = context.WithCancel(ctx)
	p.gate.off = func() { p.wire.sever(); p.end() }
	here := handlers.Cluster{Name: crashCluster, Source: p.live(n).source(), Collectors: []rca.Collector{p.live(n)}}
	if n.cluster != nil {
		p.door = newDoor(p.gate, n.cluster)
		if here.Remedy, err = p.door.connect(n.now); err != nil {
			return nil, err
		}
	}
	log := slog.New(slog.DiscardHandler)
	if p.st, err = store.Open(ctx, p.wire.url, store.Options{
		Rules: func() incident.Rules { return incident.Rules{} }, Now: n.now, Log: log, MaxConns: 8,
		Cards: func() waste.Cards { return waste.Cards{Threshold: engine.USD, PerDay: 10, Channel: "C0SAVINGS"} },
	}); err != nil {
		return nil, err
	}
	forge, err := github.New(github.Options{
		URL: n.api, Token: crashToken, MaxOpen: 5, MaxPerHour: 10, Transport: line{p.gate, p.forge}, Now: n.now, Log: log,
	})
	if err != nil {
		return nil, err
	}
	p.Handlers = &handlers.Handlers{
		Incidents: p.st, Decisions: p.st, Progress: p.st, Diagnoses: p.st, Signals: p.st, Groups: p.live(n),
		Clusters: []handlers.Cluster{here}, Remedies: handlers.Remedies{Log: p.st, Allowed: engine.RemedyKinds},
		Waste: &handlers.Waste{
			Scans: p.st, Memory: p.st, Savings: p.st, Ledger: p.st, Rules: waste.DefaultRules(),
			Clusters: []handlers.WasteCluster{p.live(n).cluster()},
		},
		Changes: &handlers.Changes{
			Proposals: proposals{p.st}, Forge: forge, Labels: []string{"savings"}, Logins: map[string]string{"U0ANA": "ana-github"},
			Mappings: []change.Mapping{{Namespaces: []string{"payments"}, Repo: crashRepo, Paths: []string{"apps"}}},
		},
		Policy: policy.Policy{
			Roles: []policy.Role{{
				Name: "owner", Members: []string{"U0ANA", "S0OWN"}, May: []engine.Action{
					engine.ActionView, engine.ActionApprove, engine.ActionDeny, engine.ActionUndo, engine.ActionRestart, engine.ActionScale, engine.ActionCordon,
				},
			}},
			Approvals: policy.Approvals{TwoAbove: 10 * engine.USD, Expires: 7 * 24 * time.Hour},
		},
		Now: n.now, Log: log,
	}
	p.tasks = p.Tasks()
	p.tasks[engine.TaskScan] = p.scan(n)
	return p, nil
}

// close ends the process, if nothing did before, and waits until nothing of it is left.
func (p *process) close() {
	p.gate.cut()
	p.st.Close()
	p.wire.running.Wait()
	if p.door != nil {
		p.door.Close()
	}
	p.forge.CloseIdleConnections()
}

// proposals is the store in the terms of the handlers, as cmd/autopilot has it.
type proposals struct{ *store.Store }

// Approve implements handlers.Proposals.
func (p proposals) Approve(ctx context.Context, d engine.Decision, a handlers.Approving) (engine.Proposal, error) {
	return p.Store.Approve(ctx, d, store.Approving{Refs: a.Refs, Proposer: a.Proposer, Expires: a.Expires, Within: a.Within, Need: a.Need})
}

// Proposals implements handlers.Proposals.
func (p proposals) Proposals(ctx context.Context, f handlers.ProposalFilter) ([]engine.Proposal, error) {
	return p.Store.Proposals(ctx, store.ProposalFilter{
		Statuses: f.Statuses, Cluster: f.Cluster, Team: f.Team, Repo: f.Repo, Group: f.Group, Incident: f.Incident, Limit: f.Limit,
	})
}

// live is what the process reads of a cluster, of Prometheus and of Slack's user groups: each reading is a step.
type live struct {
	*nature
	gate *gate
}

func (p *process) live(n *nature) live { return live{n, p.gate} }

// Groups implements handlers.Groups.
func (l live) Member(context.Context, string) (bool, error) { return true, nil }

func (l live) Groups(ctx context.Context, user string) (groups []string, err error) {
	err = l.gate.through(ctx, "user groups", func(context.Context) error {
		if user == "U0BEN" {
			groups = []string{"S0OWN"}
		}
		return nil
	})
	return groups, unavailable(err)
}

func (l live) source() handlers.Source {
	return handlers.Source{
		Hints: func(ctx context.Context, _ engine.Workload) (change.Hints, error) {
			return change.Hints{}, unavailable(l.gate.through(ctx, "live object", func(context.Context) error { return nil }))
		},
		Value: func(ctx context.Context, wish engine.Wish) (value string, err error) {
			err = l.gate.through(ctx, "live value of "+wish.Field, func(context.Context) error { value = l.value(wish.Field); return nil })
			return value, unavailable(err)
		},
	}
}

func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return engine.Wrap(engine.Unavailable, err, "nobody answers")
}

// cluster is what the cluster and its Prometheus say. Three replicas run all day, on one node.
func (l live) cluster() handlers.WasteCluster {
	const replicas, node = 3, "ip-10-0-0-1"
	gone := []engine.Gap{{Collector: crashCluster, Reason: errGone.Error()}}
	return handlers.WasteCluster{
		Name: crashCluster,
		Inventory: func(ctx context.Context) (c waste.Cluster, gaps []engine.Gap) {
			err := l.gate.through(ctx, "inventory", func(context.Context) error {
				c = waste.Cluster{Name: crashCluster, Complete: true, Nodes: []waste.Node{{Node: &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node}}}}}
				return nil
			})
			if err != nil {
				return waste.Cluster{Name: crashCluster}, gone
			}
			return c, nil
		},
		Day: func(ctx context.Context, _ *waste.Cluster, _ time.Time, _ func(string, string) string) (use handlers.DayUse) {
			err := l.gate.through(ctx, "use of a day", func(context.Context) error {
				use = handlers.DayUse{Known: true, Seen: 1, Nodes: []price.NodeUse{{Name: node, Hours: 24, CPU: 8, GiB: 32}}}
				return nil
			})
			if err != nil {
				return handlers.DayUse{Gaps: gone}
			}
			return use
		},
		Replicas: func(ctx context.Context, _ *waste.Cluster, day time.Time, of []waste.ContainerKey) (use handlers.ReplicaUse) {
			err := l.gate.through(ctx, "replicas of a day", func(context.Context) error {
				use = handlers.ReplicaUse{Seen: 1, Of: map[waste.ContainerKey]handlers.ReplicaHours{}}
				cores, gib := l.requestedOn(day)
				for _, key := range of {
					use.Of[key] = handlers.ReplicaHours{Hours: 24 * replicas, CPUHours: 24 * replicas * cores, GiBHours: 24 * replicas * gib}
				}
				return nil
			})
			if err != nil {
				return handlers.ReplicaUse{Gaps: gone}
			}
			return use
		},
	}
}
