package main

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"github.com/eks-autopilot/autopilot/test/stand/labelled"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// saver decides about savings in the workspace: a person of the platform group.
const saver = "ben"

//go:embed waste.yaml
var wasteFile []byte

func wasteCases() ([]labelled.Case, error) { return labelled.Parse("waste.yaml", wasteFile) }

// repo is the repository that declares the shop.
//
//go:embed repo
var repo embed.FS

// declared gives the files of the repository by path.
func declared() (map[string]string, error) {
	root, err := fs.Sub(repo, "repo")
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	return files, fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		files[path] = string(data)
		return err
	})
}

// save waits for the savings card: a bot that never looked for waste looks at once.
func (p *play) save(ctx context.Context) error {
	const channel = "finops"
	savings := *p
	savings.reader = reader.Reader{Control: p.stand.Slack.Control(), Channel: channel, User: p.people[saver]}
	if _, err := savings.card(ctx, 2*time.Minute, "a savings card", "shop/cart", "a month"); err != nil {
		return err
	}
	p.progress("what could be saved is in #" + channel)
	return nil
}
