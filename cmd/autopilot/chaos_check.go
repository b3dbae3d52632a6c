package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/kube"
	"github.com/eks-autopilot/autopilot/store"
)

// checkChaos tries what experiments need: the account of their own in each cluster, the agent, and that a process is there who does them.
func checkChaos(ctx context.Context, cfg Config, secrets Secrets, log *slog.Logger) []engine.Check {
	if !cfg.Chaos.Enabled {
		return nil
	}
	const area = "experiments"
	var checks []engine.Check
	if cfg.Chaos.AgentImage == "" {
		checks = append(checks, engine.Missed("chaos-agent", engine.CheckWarn, area, "agent", "no image", "the image of the agent",
			"set chaos.agent_image; without it there are no network faults, and no stress in images without a shell"))
	} else {
		checks = append(checks, engine.Passed(area, "agent", cfg.Chaos.AgentImage))
	}
	st, err := store.Open(ctx, secrets.DatabaseURL.Reveal(), store.Options{Log: log})
	if err != nil {
		return append(checks, engine.Missed("chaos-database", engine.CheckFail, area, "process", err.Error(), "the database", "set AUTOPILOT_DATABASE_URL"))
	}
	defer st.Close()
	for _, cl := range cfg.Clusters {
		if cl.Chaos == nil {
			continue
		}
		checks = append(checks, checkWorker(ctx, st, cl.Name))
		c, err := connectCluster(ctx, cl.broken(), secrets, LogsConfig{}, nil, log)
		if err != nil {
			checks = append(checks, engine.Missed("chaos-unreachable", engine.CheckFail, area, cl.Name, err.Error(), "a way to the API server", "see clusters[].chaos in the configuration"))
			continue
		}
		checks = append(checks, c.kube.CheckChaos(ctx, cfg.Chaos.OptIn, cfg.chaosNeeds())...)
		checks = append(checks, checkSight(ctx, cl.Name, c))
		checks = append(checks, checkFIS(ctx, cl)...)
		bot, err := connectCluster(ctx, cl, secrets, LogsConfig{}, nil, log)
		if err == nil {
			checks = append(checks, bot.kube.CheckHarmless(ctx))
		}
	}
	return checks
}

// checkSight tries whether the process that does experiments can ask for metrics: without them none begins.
func checkSight(ctx context.Context, cluster string, c connected) engine.Check {
	area, name := "experiments "+cluster, "metrics"
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	see := sight(c)
	if see == nil {
		return engine.Missed("chaos-metrics", engine.CheckFail, area, name, "no Prometheus is configured", "an answer of Prometheus",
			"set clusters[].prometheus; an experiment does not begin where nobody can see what it does")
	}
	if err := see(ctx); err != nil {
		return engine.Missed("chaos-metrics", engine.CheckFail, area, name, engine.UserMessage(err, "-"), "an answer of Prometheus",
			"let autopilot chaos reach clusters[].prometheus, and give it AUTOPILOT_PROMETHEUS_TOKEN where that is asked for; an experiment does not begin where nobody can see what it does")
	}
	return engine.Passed(area, name, "Prometheus answers")
}

// checkFIS tries what AWS FIS needs, where it is configured.
func checkFIS(ctx context.Context, cl ClusterConfig) []engine.Check {
	x := cl.Chaos.FIS
	if x == nil {
		return nil
	}
	area := "experiments " + cl.Name
	faults, err := x.connect(ctx)
	if err != nil {
		return []engine.Check{engine.Missed("chaos-fis", engine.CheckFail, area, "AWS FIS", err.Error(), "credentials and a region", "see clusters[].chaos.fis in the configuration")}
	}
	return faults.CheckFIS(ctx, area)
}

// chaosNeeds are the permissions that the configuration asks for.
func (c Config) chaosNeeds() []kube.Need {
	needs := slices.Clone(kube.ChaosNeeds)
	if c.Chaos.Deletes {
		needs = append(needs, kube.Need{Resource: "pods", Verbs: []string{"delete"}, Level: engine.CheckFail, Why: "experiments: kill by a plain delete"})
	}
	return needs
}

// checkWorker looks when a process that does experiments on a cluster was last seen.
func checkWorker(ctx context.Context, st *store.Store, cluster string) engine.Check {
	const fix = "start autopilot chaos with the same configuration and database"
	area, name := "experiments "+cluster, "process"
	switch at, ago, err := st.ChaosWorker(ctx, cluster); {
	case err != nil:
		return engine.Missed("chaos-process", engine.CheckWarn, area, name, err.Error(), "seen within the last half a minute", fix)
	case at.IsZero():
		return engine.Missed("chaos-process", engine.CheckWarn, area, name, "never seen", "seen within the last half a minute", fix)
	case ago > 30*time.Second:
		return engine.Missed("chaos-process", engine.CheckWarn, area, name, fmt.Sprintf("last seen %s ago", ago.Round(time.Second)), "seen within the last half a minute", fix)
	}
	return engine.Passed(area, name, "it is there")
}
