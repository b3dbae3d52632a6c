package stand

import (
	"context"
	"fmt"

	"github.com/eks-autopilot/autopilot/test/github"
)

// Who there is on a stand's GitHub: the bot, and two people who may push.
const (
	forgeBot    = "autopilot-bot"
	ForgeAna    = "ana-silva"
	ForgeBen    = "ben-okafor"
	forgeToken  = "ghp_standin"
	forgeSecret = "webhook-secret"
)

// Forge is a GitHub with one repository, which declares what runs in the stand's cluster.
type Forge struct {
	Name    string            // owner/name of the repository
	Files   map[string]string // contents by path
	Webhook string            // where the bot listens for it
	Address string            // where it listens; any free port when ""

	*github.Server
}

// Start starts it. Its address may have any port.
func (f *Forge) Start(context.Context) error {
	var err error
	f.Server, err = github.New(github.Config{
		Users:  []github.User{{Login: forgeBot, Name: "Autopilot"}, {Login: ForgeAna, Name: "Ana Silva"}, {Login: ForgeBen, Name: "Ben Okafor"}},
		Tokens: []github.Token{{Value: forgeToken, Login: forgeBot, Scopes: []string{"repo"}}},
		Hooks:  []github.Hook{{URL: f.Webhook, Secret: forgeSecret}},
	})
	if err != nil {
		return err
	}
	if err := f.CreateRepo(github.Repo{
		Name: f.Name, Description: "What runs in the clusters", Files: f.Files,
		Access: map[string]string{forgeBot: "push", ForgeAna: "maintain", ForgeBen: "maintain"},
	}); err != nil {
		return err
	}
	address := f.Address
	if address == "" {
		address = "127.0.0.1:0"
	}
	return f.Server.Start(address)
}

// Stop ends it and removes its repositories.
func (f *Forge) Stop(ctx context.Context) error {
	if f.Server == nil {
		return nil
	}
	return f.Close(ctx)
}

// Config is what the bot's configuration says of it: where it is, that everything is declared there, and how many must approve.
func (f *Forge) Config(people map[string]string) string {
	return fmt.Sprintf(`github:
  url: %s/api/v3/
people: {%s: %s, %s: %s}
changes:
  - {repo: %s, base: main}
approvals: {two_people_above: 100, expires: 72h}
`, f.URL(), people["ana"], ForgeAna, people["ben"], ForgeBen, f.Name)
}

// ForgeEnv are the bot's secrets for it.
func ForgeEnv() []string {
	return []string{"AUTOPILOT_GITHUB_TOKEN=" + forgeToken, "AUTOPILOT_GITHUB_WEBHOOK_SECRET=" + forgeSecret}
}
