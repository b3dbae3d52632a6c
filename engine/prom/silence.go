package prom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Silence is a silence to be made for an incident.
type Silence struct {
	IncidentID int64
	Labels     map[string]string // an alert is silenced when it has all of these, exactly,
	Patterns   map[string]string // and matches all of these, regular expressions over a label's whole value
	Until      time.Time
	By         string // who decided it
	Comment    string // why, in words; "" gives none
}

// mark makes a silence known as ours. It ends the comment, so that incident/4 is not taken for incident/42. It names the cluster,
// for another cluster's bot that shares the Alertmanager counts its incidents from 1, too.
func (a *Alertmanager) mark(incident int64) string {
	mark := "autopilot "
	if a.cluster != "" {
		mark += a.cluster + " "
	}
	return fmt.Sprintf("%sincident/%d", mark, incident)
}

type matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual bool   `json:"isEqual"`
}

func byName(x, y matcher) int {
	return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Value, y.Value))
}

type silence struct {
	ID        string    `json:"id,omitempty"`
	Matchers  []matcher `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
	Status    *struct {
		State string `json:"state"` // active, pending, expired
	} `json:"status,omitempty"`
}

func (s silence) expired() bool { return s.Status != nil && s.Status.State == "expired" }

// Silence makes the silence, or finds the one that was made before for the same incident and labels and moves its end.
// It gives its id. It fails with Invalid when there are no labels, which would silence everything, or when Until is past.
func (a *Alertmanager) Silence(ctx context.Context, s Silence) (string, error) {
	now := a.now()
	switch {
	case len(s.Labels)+len(s.Patterns) == 0:
		return "", engine.Errorf(engine.Invalid, "a silence needs labels; without any it would silence every alert")
	case !s.Until.After(now):
		return "", engine.Errorf(engine.Invalid, "a silence must end in the future, not at %s", s.Until.UTC().Format(time.RFC3339))
	}
	want := silence{StartsAt: now.UTC(), EndsAt: s.Until.UTC(), CreatedBy: s.By, Comment: strings.TrimSpace(s.Comment + " " + a.mark(s.IncidentID))}
	if want.CreatedBy == "" {
		want.CreatedBy = "autopilot"
	}
	for name, value := range s.Labels {
		want.Matchers = append(want.Matchers, matcher{Name: name, Value: value, IsEqual: true})
	}
	for name, pattern := range s.Patterns {
		want.Matchers = append(want.Matchers, matcher{Name: name, Value: pattern, IsEqual: true, IsRegex: true})
	}
	slices.SortFunc(want.Matchers, byName)
	made, ok, err := a.made(ctx, s, want.Matchers)
	if err != nil {
		return "", err
	}
	if ok {
		if made.EndsAt.Sub(want.EndsAt).Abs() < time.Second {
			return made.ID, nil
		}
		want.ID, want.StartsAt = made.ID, made.StartsAt
	}
	var answer struct {
		SilenceID string `json:"silenceID"`
	}
	if err := a.call(ctx, http.MethodPost, "/api/v2/silences", want, &answer); err != nil {
		return "", err
	}
	return answer.SilenceID, nil
}

// made finds the live silence of an incident with the same matchers.
func (a *Alertmanager) made(ctx context.Context, s Silence, matchers []matcher) (silence, bool, error) {
	all, err := a.ours(ctx, s.IncidentID)
	for _, have := range all {
		slices.SortFunc(have.Matchers, byName)
		if slices.Equal(have.Matchers, matchers) {
			return have, true, nil
		}
	}
	return silence{}, false, err
}

// ours are the live silences that were made for an incident, whether or not their making was ever recorded.
func (a *Alertmanager) ours(ctx context.Context, incident int64) ([]silence, error) {
	var all []silence
	if err := a.call(ctx, http.MethodGet, "/api/v2/silences", nil, &all); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(s silence) bool {
		return s.expired() || !strings.HasSuffix(s.Comment, a.mark(incident))
	}), nil
}

// Expire ends every silence of an incident now but the one with the id keep; "" keeps none. It fails with Unavailable or Forbidden,
// and has ended what it could by then.
func (a *Alertmanager) Expire(ctx context.Context, incident int64, keep string) error {
	all, err := a.ours(ctx, incident)
	if err != nil {
		return err
	}
	var problem error
	for _, s := range all {
		if s.ID == keep {
			continue
		}
		err := a.call(ctx, http.MethodDelete, "/api/v2/silence/"+url.PathEscape(s.ID), nil, nil)
		if err != nil && engine.CodeOf(err) != engine.NotFound {
			problem = errors.Join(problem, err)
		}
	}
	return problem
}
