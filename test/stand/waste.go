package stand

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/eks-autopilot/autopilot/test/aws"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/stand/labelled"
)

// wasteDays is how far back the Prometheus of a stand with Waste remembers.
const wasteDays = 60

// startWaste starts what the cases need beside the cluster: simulated nodes for their pods, and the AWS that charges for them. Their
// history is in the Prometheus that is yet to start.
func (s *Stand) startWaste(ctx context.Context, data string) error {
	s.cfg.Progress("starting aws")
	now := time.Now()
	s.AWS = aws.New(aws.Config{World: labelled.World(s.cfg.Waste, now)})
	if err := s.AWS.Start("127.0.0.1:0"); err != nil {
		return fmt.Errorf("start aws: %w", err)
	}
	s.onStop("aws", s.AWS.Stop)
	if s.Cluster.Mode() != cluster.KWOK { // which has simulated nodes already
		if err := s.Cluster.AddKWOKNodes(ctx, 1); err != nil {
			return err
		}
	}
	s.cfg.Progress("making workloads with a history")
	f, err := labelled.NewFurnisher(s.Cluster.RESTConfig())
	if err != nil {
		return err
	}
	if err := f.Furnish(ctx, s.cfg.Waste); err != nil {
		return err
	}
	if s.past, err = f.Now(ctx, now.AddDate(0, 0, -pastDays), now); err != nil {
		return err
	}
	if err := s.remember(ctx, f, data, now, s.past); err != nil || len(s.cfg.Declared) == 0 {
		return err
	}
	return s.startForge(ctx)
}

// startForge starts the GitHub with the repository that declares the cluster, and what gives its main branch to the cluster.
func (s *Stand) startForge(ctx context.Context) error {
	s.Forge = &Forge{Name: declaredRepo, Files: s.cfg.Declared, Webhook: "http://" + s.listen + "/webhooks/github"}
	if err := s.run(ctx, "github", s.Forge); err != nil {
		return err
	}
	s.cfg.Progress("starting gitops")
	g := &GitOps{URL: s.Forge.URL() + "/" + declaredRepo + ".git", Branch: "main", Dir: filepath.Join(s.cfg.Dir, "gitops"), Every: time.Second}
	s.onStop("gitops", g.Stop)
	return g.Start(ctx, s.Cluster.RESTConfig())
}

// declaredRepo is the repository with Config.Declared.
const declaredRepo = "acme/clusters"

// wasteConfig is what the bot's configuration says of it.
func (s *Stand) wasteConfig() string {
	return fmt.Sprintf("waste: {schedule: \"@hourly\"}\naws:\n  accounts:\n    - {id: %q, regions: [%s], endpoint: %q}\n", labelled.Account, labelled.Region, s.AWS.URL())
}
