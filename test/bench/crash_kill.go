package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/stand"
)

// weather is what a process of its own is told of the world, by a file.
type weather struct {
	URL, API string
	Began    time.Time     // when the world's clock stood at crashStart
	Ahead    time.Duration // by how much that clock has been put forward since
	Arrived  time.Time
}

// tell writes the file whole or not at all.
func (n *nature) tell(file string, began time.Time, ahead time.Duration) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	data, err := json.Marshal(weather{URL: n.url, API: n.api, Began: began, Ahead: ahead, Arrived: n.arrived})
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// hear reads the file.
func (n *nature) hear(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var w weather
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.url, n.api, n.arrived, n.clock = w.URL, w.API, w.Arrived, crashStart.Add(time.Since(w.Began)+w.Ahead)
	return nil
}

// weatherEvery is how often a process of its own looks at the file.
const weatherEvery = 20 * time.Millisecond

// crashBot is what crash kills: the bot's handlers, store and forge, with River, as a process of its own. It has no sockets: what Slack
// sends is put into its inbox.
func crashBot(ctx context.Context, args []string, _ io.Writer) error {
	f := flag.NewFlagSet("bench crash-bot", flag.ContinueOnError)
	file := f.String("world", "", "the file that says what the world is like")
	if err := parse(f, args); err != nil {
		return err
	}
	n := &nature{}
	if err := n.hear(*file); err != nil {
		return err
	}
	p, err := newProcess(ctx, n, 0, false)
	if err != nil {
		return err
	}
	defer p.close()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.st.Work(ctx, p.tasks) })
	g.Go(func() error {
		for tick := time.NewTicker(weatherEvery); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return nil
			case <-tick.C:
			}
			if err := n.hear(*file); err != nil {
				return err
			}
			p.takeAll(ctx)
		}
	})
	return g.Wait()
}

// heldFor is how long a payload waits for the process that took it and died: long enough for two never to take the same.
const heldFor = 5 * time.Second

// takeAll handles what waits in the inbox. What could not be done now waits again.
func (p *process) takeAll(ctx context.Context) {
	list, err := p.st.Abandoned(ctx, 10, heldFor)
	for _, payload := range list {
		if _, err = p.take(ctx, payload); err == nil || isRefusal(err) {
			err = p.st.Finish(ctx, payload.ID, "")
		}
	}
	if err != nil && ctx.Err() == nil {
		progress("the inbox: %v", err)
	}
}

// killing is one way on which the bot, a process of its own, is killed at random moments.
type killing struct {
	*world
	bot   *stand.Process
	file  string
	began time.Time
	ahead time.Duration

	one   sync.Mutex // of those who kill it
	kills int
}

// killed goes the way once while the bot is killed so many times with SIGKILL.
func (ws *worlds) killed(ctx context.Context, kills int, seed uint64, dir string, c *crashed) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return ws.in(ctx, foundWorld, 0, false, func(w *world) (err error) {
		k := &killing{world: w, file: filepath.Join(dir, "world.json"), began: time.Now()}
		if err := k.tell(k.file, k.began, 0); err != nil {
			return err
		}
		k.bot = &stand.Process{Dir: dir, Name: "crash-bot", Path: self, Args: []string{"crash-bot", "-world", k.file}}
		if err := k.bot.Start(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, k.bot.Stop(context.WithoutCancel(ctx))) }()
		where := fmt.Sprintf("SIGKILL, seed %d", seed)
		g, gctx := errgroup.WithContext(ctx)
		g.Go(func() error { return k.killer(gctx, kills, rand.New(rand.NewPCG(seed, 0))) }) //nolint:gosec // it repeats with the seed
		g.Go(func() error { return k.goOn(gctx) })
		if err := g.Wait(); err != nil {
			if ctx.Err() == nil {
				c.add(where, err.Error())
				return nil
			}
			return err
		}
		var wrong []string
		err = k.patiently(ctx, "all is as it must be", func(ctx context.Context) (bool, error) {
			wrong, err = k.judge(ctx, &approval)
			return len(wrong) == 0, err
		})
		c.killed += k.kills
		if len(wrong) > 0 {
			c.add(where, wrong...)
			return nil
		}
		return err
	})
}

// killer kills the bot and starts it again.
func (k *killing) killer(ctx context.Context, kills int, rng *rand.Rand) error {
	for range kills {
		if err := pause(ctx, rng, 4*time.Second); err != nil {
			return err
		}
		if err := k.kill(ctx); err != nil {
			return err
		}
	}
	return nil
}

// kill kills the bot, and starts it again.
func (k *killing) kill(ctx context.Context) error {
	k.one.Lock()
	defer k.one.Unlock()
	k.kills++
	return errors.Join(k.bot.Kill(), k.bot.Start(ctx))
}

// goOn is the way as the world goes it, whatever becomes of the bot.
func (k *killing) goOn(ctx context.Context) error {
	drafts, _, err := k.p.st.Drafts(ctx, 1)
	if err != nil {
		return err
	}
	var refs []string
	for _, i := range drafts {
		refs = append(refs, i.Ref())
	}
	subject := engine.GroupButton{Group: 1}.Value()
	for n, who := range []string{"U0ANA", "U0BEN"} {
		s := engine.Submission{
			By: engine.Person{ID: who, Name: who}, Form: engine.FormApprove, Subject: subject, Values: map[string]string{engine.FieldItems: strings.Join(refs, ",")},
		}
		for range 2 { // a double click
			if err := k.send(ctx, s); err != nil {
				return err
			}
		}
		if err := k.so(ctx, fmt.Sprintf(`(SELECT count(*) FROM proposal_approval) = %d`, n+1)); err != nil {
			return err
		}
	}
	if err := k.so(ctx, `status = 'opened'`); err != nil {
		return err
	}
	pull := k.github.Pulls(crashRepo)[0]
	if err := k.github.SetCheck(crashRepo, pull.HeadSHA, "kubeconform", "success"); err != nil {
		return err
	}
	if err := k.so(ctx, `pull ->> 'checks' = 'passing'`); err != nil {
		return err
	}
	if err := k.github.Merge(crashRepo, "ana-github", pull.Number, "squash"); err != nil {
		return err
	}
	if err := k.so(ctx, `status = 'merged'`); err != nil {
		return err
	}
	k.arrive()
	if err := k.tell(k.file, k.began, k.ahead); err != nil {
		return err
	}
	if err := k.so(ctx, `status = 'deployed'`); err != nil {
		return err
	}
	if err := k.p.st.ScheduleScan(ctx, crashStart.Add(time.Hour)); err != nil {
		return err
	}
	if err := k.so(ctx, `(SELECT bool_and(status = 'closed') FROM finding)`); err != nil {
		return err
	}
	for n := range measuredDays {
		day := crashStart.Truncate(24*time.Hour).AddDate(0, 0, n+2).Add(4 * time.Hour)
		k.ahead = day.Sub(crashStart) - time.Since(k.began)
		if err := k.tell(k.file, k.began, k.ahead); err != nil {
			return err
		}
		if err := k.kill(ctx); err != nil { // when it starts, it measures
			return err
		}
		if err := k.so(ctx, fmt.Sprintf(`(SELECT count(*) FROM ledger WHERE kind = 'verified') = %d`, 2*(n+1))); err != nil {
			return err
		}
	}
	return nil
}

// send puts what Slack sends into the inbox.
func (k *killing) send(ctx context.Context, s engine.Submission) error {
	k.presses++
	data, err := json.Marshal(pressed{Submission: &s})
	if err != nil {
		return err
	}
	_, err = k.p.st.Receive(ctx, engine.Payload{ID: fmt.Sprintf("press-%d", k.presses), Kind: engine.PayloadInteraction, Body: data, At: k.now()}, claim)
	return err
}

// so waits until the proposal is so. Each time it looks, GitHub's webhook comes.
func (k *killing) so(ctx context.Context, so string) error {
	return k.patiently(ctx, so, func(ctx context.Context) (is bool, err error) {
		if err := k.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM proposal WHERE `+so+`)`).Scan(&is); err != nil || is {
			return is, err
		}
		p, err := k.p.st.ProposalByPull(ctx, crashRepo, 1)
		if engine.CodeOf(err) == engine.NotFound {
			return false, nil
		}
		if err == nil {
			err = k.p.st.Follow(ctx, p.ID)
		}
		return false, err
	})
}

func (k *killing) patiently(ctx context.Context, what string, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		is, err := done(ctx)
		if err != nil || is {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("within %s it is never so that %s", patience, what)
		case <-time.After(500 * time.Millisecond):
		}
	}
}
