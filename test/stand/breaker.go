package stand

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/deploy"
)

// OptIn is the label by which a namespace of a stand lets experiments in, and AgentImage what holds their faults.
const (
	OptIn      = "autopilot.dev/chaos=enabled"
	AgentImage = "autopilot.local/chaosagent:1"
)

// prepareBreaker makes the account of the process that does experiments, and gives the cluster its agent.
func (s *Stand) prepareBreaker(ctx context.Context, cfg *BotConfig) error {
	s.cfg.Progress("building the agent of experiments")
	if err := ImportProgram(ctx, s.Cluster, "cmd/chaosagent", AgentImage); err != nil {
		return err
	}
	var err error
	cfg.Breaker, err = s.Cluster.UserKubeconfig(ctx, "autopilot-chaos", s.cfg.Breaking)
	return err
}

// startBreaker runs the process that does experiments, with the bot's configuration and environment.
func (s *Stand) startBreaker(ctx context.Context) error {
	s.cfg.Progress("starting what does experiments")
	s.Breaker = &Process{
		Dir: s.Bot.Dir, Name: "breaker", Path: s.Bot.Binary, Args: []string{"chaos"},
		Env: append([]string{"AUTOPILOT_CONFIG=" + filepath.Join(s.Bot.Dir, "autopilot.yaml")}, s.Bot.Env...),
	}
	s.onStop("breaker", s.Breaker.Stop)
	return s.Breaker.Start(ctx)
}

// BreakerRules are what the account of the process that does experiments may do: to read as the bot does, and the roles that are shipped for
// experiments.
func BreakerRules() ([]rbacv1.PolicyRule, error) { return Rules("reader", "chaos") }

// Rules are those of the roles in files of deploy/rbac, such as "reader".
func Rules(names ...string) (rules []rbacv1.PolicyRule, err error) {
	for _, name := range names {
		file, err := deploy.RBAC(name)
		if err != nil {
			return nil, err
		}
		for doc := range bytes.SplitSeq(file, []byte("\n---")) {
			var role rbacv1.ClusterRole
			if err := yaml.Unmarshal(doc, &role); err != nil {
				return nil, fmt.Errorf("deploy/rbac/%s.yaml: %w", name, err)
			}
			if role.Kind == "ClusterRole" || role.Kind == "Role" {
				rules = append(rules, role.Rules...)
			}
		}
	}
	return rules, nil
}
