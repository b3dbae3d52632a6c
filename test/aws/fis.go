package aws

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// FaultTemplate is an experiment template of AWS FIS.
type FaultTemplate struct {
	Account, Region, ID string
	Description, Role   string
	Token               string // of who asked for it; the same one makes no second
	Stops               []FaultStop
	Targets             map[string]FaultTarget
	Actions             map[string]FaultAction
	Tags                map[string]string
	Created             time.Time
}

// FaultStop is a stop condition: none, or an alarm of CloudWatch.
type FaultStop struct {
	Source string `json:"source"`
	Value  string `json:"value,omitempty"`
}

// FaultTarget is whom a template hits.
type FaultTarget struct {
	ResourceType  string            `json:"resourceType"`
	SelectionMode string            `json:"selectionMode"`
	Parameters    map[string]string `json:"parameters,omitempty"`
}

// FaultAction is what a template does.
type FaultAction struct {
	ActionID   string            `json:"actionId"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Targets    map[string]string `json:"targets,omitempty"`
}

// FaultRun is an experiment of AWS FIS. It goes on with the clock.
type FaultRun struct {
	Account, Region, ID string
	Template            FaultTemplate
	Token               string
	Tags                map[string]string
	Started             time.Time
	Stopped             time.Time // when somebody asked for it to be stopped
	Fails               string    // why it fails instead of running; "" for one that does not
}

const (
	faultStarts = 2 * time.Second // from the start until the fault is in place: FIS makes a pod for it
	faultStops  = time.Second     // from the word until it is undone
	mostFaults  = 5               // experiments at a time, as AWS allows them
)

var (
	// podActions are those of FIS for pods, and the parameters that each takes beside those that all take.
	podActions = map[string][]string{
		"aws:eks:pod-network-latency":     {"delayMilliseconds", "jitterMilliseconds", "interface", "sources"},
		"aws:eks:pod-network-packet-loss": {"lossPercent", "interface", "sources"},
		"aws:eks:pod-cpu-stress":          {"percent", "workers"},
		"aws:eks:pod-memory-stress":       {"percent", "workers"},
	}
	ofAllActions  = []string{"duration", "kubernetesServiceAccount", "fisPodContainerImage", "maxErrorsPercent"}
	podParameters = []string{"clusterIdentifier", "namespace", "selectorType", "selectorValue", "availabilityZoneIdentifier", "targetContainerName"}
	isoSeconds    = regexp.MustCompile(`^PT([0-9]+)([SMH])$`)
)

// lasts is how long a template's fault holds.
func (t FaultTemplate) lasts() time.Duration {
	for _, a := range t.Actions {
		if m := isoSeconds.FindStringSubmatch(a.Parameters["duration"]); m != nil {
			var n int
			_, _ = fmt.Sscan(m[1], &n)
			return time.Duration(n) * map[string]time.Duration{"S": time.Second, "M": time.Minute, "H": time.Hour}[m[2]]
		}
	}
	return 0
}

// state is how an experiment is at a time, and how its actions are.
func (r FaultRun) state(now time.Time) (experiment, action, reason string) {
	begins := r.Started.Add(faultStarts)
	ends := begins.Add(r.Template.lasts())
	switch {
	case !r.Stopped.IsZero() && r.Stopped.Before(ends) && now.Before(r.Stopped.Add(faultStops)):
		return "stopping", "stopping", "Experiment is being stopped."
	case !r.Stopped.IsZero() && r.Stopped.Before(ends):
		return "stopped", "stopped", "Experiment halted by user."
	case now.Before(begins):
		return "initiating", "initiating", "Experiment is initiating."
	case r.Fails != "":
		return "failed", "failed", r.Fails
	case now.Before(ends):
		return "running", "running", "Experiment is running."
	}
	return "completed", "completed", "Experiment completed."
}

func (r FaultRun) active(now time.Time) bool {
	s, _, _ := r.state(now)
	return s == "initiating" || s == "running" || s == "stopping"
}

// fisAction finds an operation of FIS by method and path.
func (c *call) fisAction(method string) {
	c.action = method
	for _, o := range []struct {
		method, first string
		parts         int
		name          string
		do            action
		needs         []string
	}{
		{http.MethodPost, "experimentTemplates", 1, "CreateExperimentTemplate", createFaultTemplate, []string{"fis:CreateExperimentTemplate", "fis:TagResource", "iam:PassRole"}},
		{http.MethodGet, "experimentTemplates", 1, "ListExperimentTemplates", listFaultTemplates, nil},
		{http.MethodGet, "experimentTemplates", 2, "GetExperimentTemplate", getFaultTemplate, nil},
		{http.MethodDelete, "experimentTemplates", 2, "DeleteExperimentTemplate", deleteFaultTemplate, nil},
		{http.MethodPost, "experiments", 1, "StartExperiment", startFault, []string{"fis:StartExperiment", "fis:TagResource"}},
		{http.MethodGet, "experiments", 1, "ListExperiments", listFaults, nil},
		{http.MethodGet, "experiments", 2, "GetExperiment", getFault, nil},
		{http.MethodDelete, "experiments", 2, "StopExperiment", stopFault, nil},
	} {
		if o.method == method && len(c.path) == o.parts && c.path[0] == o.first {
			c.action, c.do, c.needs = o.name, o.do, o.needs
		}
	}
}

func invalid(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, "ValidationException", format, args...)
}

func createFaultTemplate(s *Server, c *call) (any, *refusal) {
	var in struct {
		ClientToken       string                 `json:"clientToken"`
		Description       string                 `json:"description"`
		RoleArn           string                 `json:"roleArn"`
		StopConditions    []FaultStop            `json:"stopConditions"`
		Targets           map[string]FaultTarget `json:"targets"`
		Actions           map[string]FaultAction `json:"actions"`
		Tags              map[string]string      `json:"tags"`
		LogConfiguration  map[string]any         `json:"logConfiguration"`
		ExperimentOptions map[string]string      `json:"experimentOptions"`
	}
	if problem := c.decode(&in); problem != nil {
		return nil, problem
	}
	t := FaultTemplate{
		Account: c.who.Account, Region: c.region, Description: in.Description, Role: in.RoleArn, Token: in.ClientToken, Stops: in.StopConditions,
		Targets: in.Targets, Actions: in.Actions, Tags: in.Tags, Created: s.cfg.Now(),
	}
	if problem := t.check(); problem != nil {
		return nil, problem
	}
	for _, o := range s.world.FaultTemplates {
		if o.Account == t.Account && o.Region == t.Region && o.Token == t.Token && t.Token != "" {
			if o.Description != t.Description {
				return nil, refuse(http.StatusConflict, "ConflictException", "The client token was used with other parameters.")
			}
			return map[string]any{"experimentTemplate": o.shown()}, nil
		}
	}
	s.serial++
	t.ID = fmt.Sprintf("EXTstandin%06d", s.serial)
	s.world.FaultTemplates = append(s.world.FaultTemplates, t)
	return map[string]any{"experimentTemplate": t.shown()}, nil
}

// check refuses what AWS refuses of a template.
func (t FaultTemplate) check() *refusal {
	switch {
	case t.Token == "" || t.Description == "" || t.Role == "" || t.Stops == nil:
		return invalid("clientToken, description, roleArn and stopConditions are required.")
	case len(t.Actions) == 0:
		return invalid("At least one action is required.")
	}
	for name, target := range t.Targets {
		if target.ResourceType != "aws:eks:pod" || target.SelectionMode != "ALL" && !strings.HasPrefix(target.SelectionMode, "COUNT(") && !strings.HasPrefix(target.SelectionMode, "PERCENT(") {
			return invalid("The target %s has the resource type %q and the selection mode %q.", name, target.ResourceType, target.SelectionMode)
		}
		for key := range target.Parameters {
			if !slices.Contains(podParameters, key) {
				return invalid("The target %s has an unknown parameter %s.", name, key)
			}
		}
		for _, key := range podParameters[:4] {
			if target.Parameters[key] == "" {
				return invalid("The target %s needs the parameter %s.", name, key)
			}
		}
	}
	for name, a := range t.Actions {
		takes, known := podActions[a.ActionID]
		if !known {
			return invalid("The action %s has an unknown id %q.", name, a.ActionID)
		}
		for key := range a.Parameters {
			if !slices.Contains(takes, key) && !slices.Contains(ofAllActions, key) {
				return invalid("The action %s has an unknown parameter %s.", name, key)
			}
		}
		if _, ok := t.Targets[a.Targets["Pods"]]; !ok || a.Parameters["kubernetesServiceAccount"] == "" || !isoSeconds.MatchString(a.Parameters["duration"]) {
			return invalid("The action %s needs a target Pods, kubernetesServiceAccount, and a duration such as PT1M.", name)
		}
	}
	return nil
}

func (t FaultTemplate) shown() map[string]any {
	return map[string]any{
		"id": t.ID, "arn": fmt.Sprintf("arn:aws:fis:%s:%s:experiment-template/%s", t.Region, t.Account, t.ID), "description": t.Description, "roleArn": t.Role,
		"stopConditions": t.Stops, "targets": t.Targets, "actions": t.Actions, "tags": tagged(t.Tags), "creationTime": float64(t.Created.Unix()),
		"lastUpdateTime": float64(t.Created.Unix()),
	}
}

// tagged is never null.
func tagged(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}

func (s *Server) faultTemplate(c *call, id string) (int, *refusal) {
	k := slices.IndexFunc(s.world.FaultTemplates, func(t FaultTemplate) bool { return t.Account == c.who.Account && t.Region == c.region && t.ID == id })
	if k < 0 {
		return 0, refuse(http.StatusNotFound, "ResourceNotFoundException", "Experiment template with id=%s not found.", id)
	}
	return k, nil
}

func getFaultTemplate(s *Server, c *call) (any, *refusal) {
	k, problem := s.faultTemplate(c, c.path[1])
	if problem != nil {
		return nil, problem
	}
	return map[string]any{"experimentTemplate": s.world.FaultTemplates[k].shown()}, nil
}

func deleteFaultTemplate(s *Server, c *call) (any, *refusal) {
	k, problem := s.faultTemplate(c, c.path[1])
	if problem != nil {
		return nil, problem
	}
	t := s.world.FaultTemplates[k]
	s.world.FaultTemplates = slices.Delete(s.world.FaultTemplates, k, k+1)
	return map[string]any{"experimentTemplate": t.shown()}, nil
}

func listFaultTemplates(s *Server, c *call) (any, *refusal) {
	var all []map[string]any
	for _, t := range s.world.FaultTemplates {
		if t.Account == c.who.Account && t.Region == c.region {
			one := t.shown()
			for _, key := range []string{"roleArn", "stopConditions", "targets", "actions"} {
				delete(one, key)
			}
			all = append(all, one)
		}
	}
	return faultPage(s, c, "experimentTemplates", all)
}

// faultPage is one page of a list.
func faultPage(s *Server, c *call, key string, all []map[string]any) (any, *refusal) {
	asked, problem := c.number("maxResults", 1, 100)
	if problem != nil {
		return nil, invalid("%s", problem.message)
	}
	items, next, problem := page(s, all, c.form.Get("nextToken"), asked, 100)
	if problem != nil {
		return nil, invalid("%s", problem.message)
	}
	out := map[string]any{key: slices.Concat([]map[string]any{}, items)}
	if next != "" {
		out["nextToken"] = next
	}
	return out, nil
}

func startFault(s *Server, c *call) (any, *refusal) {
	var in struct {
		ClientToken          string            `json:"clientToken"`
		ExperimentTemplateID string            `json:"experimentTemplateId"`
		Tags                 map[string]string `json:"tags"`
	}
	if problem := c.decode(&in); problem != nil {
		return nil, problem
	}
	if in.ClientToken == "" {
		return nil, invalid("clientToken is required.")
	}
	now, running := s.cfg.Now(), 0
	for _, r := range s.world.FaultRuns {
		if r.Account != c.who.Account || r.Region != c.region {
			continue
		}
		if r.Token == in.ClientToken {
			if r.Template.ID != in.ExperimentTemplateID {
				return nil, refuse(http.StatusConflict, "ConflictException", "The client token was used with another template.")
			}
			return map[string]any{"experiment": r.shown(now)}, nil
		}
		if r.active(now) {
			running++
		}
	}
	k, problem := s.faultTemplate(c, in.ExperimentTemplateID)
	if problem != nil {
		return nil, problem
	}
	if running >= mostFaults {
		return nil, refuse(http.StatusPaymentRequired, "ServiceQuotaExceededException", "You have exceeded the service quota of %d active experiments.", mostFaults)
	}
	s.serial++
	r := FaultRun{
		Account: c.who.Account, Region: c.region, ID: fmt.Sprintf("EXPstandin%06d", s.serial), Template: s.world.FaultTemplates[k], Token: in.ClientToken,
		Tags: maps.Clone(in.Tags), Started: now,
	}
	s.world.FaultRuns = append(s.world.FaultRuns, r)
	return map[string]any{"experiment": r.shown(now)}, nil
}

func (r FaultRun) shown(now time.Time) map[string]any {
	state, action, reason := r.state(now)
	actions := map[string]any{}
	for name, a := range r.Template.Actions {
		actions[name] = map[string]any{"actionId": a.ActionID, "parameters": a.Parameters, "targets": a.Targets, "state": map[string]string{"status": action, "reason": reason}}
	}
	return map[string]any{
		"id": r.ID, "arn": fmt.Sprintf("arn:aws:fis:%s:%s:experiment/%s", r.Region, r.Account, r.ID), "experimentTemplateId": r.Template.ID, "roleArn": r.Template.Role,
		"state": map[string]string{"status": state, "reason": reason}, "targets": r.Template.Targets, "actions": actions, "stopConditions": r.Template.Stops,
		"creationTime": float64(r.Started.Unix()), "startTime": float64(r.Started.Unix()), "tags": tagged(r.Tags),
	}
}

func (s *Server) faultRun(c *call, id string) (*FaultRun, *refusal) {
	for k := range s.world.FaultRuns {
		if r := &s.world.FaultRuns[k]; r.Account == c.who.Account && r.Region == c.region && r.ID == id {
			return r, nil
		}
	}
	return nil, refuse(http.StatusNotFound, "ResourceNotFoundException", "Experiment with id=%s not found.", id)
}

func getFault(s *Server, c *call) (any, *refusal) {
	r, problem := s.faultRun(c, c.path[1])
	if problem != nil {
		return nil, problem
	}
	return map[string]any{"experiment": r.shown(s.cfg.Now())}, nil
}

func stopFault(s *Server, c *call) (any, *refusal) {
	r, problem := s.faultRun(c, c.path[1])
	if problem != nil {
		return nil, problem
	}
	now := s.cfg.Now()
	if !r.active(now) {
		return nil, invalid("Experiment %s cannot be stopped, as it has ended.", r.ID)
	}
	if r.Stopped.IsZero() {
		r.Stopped = now
	}
	return map[string]any{"experiment": r.shown(now)}, nil
}

func listFaults(s *Server, c *call) (any, *refusal) {
	var all []map[string]any
	for _, r := range s.world.FaultRuns {
		if r.Account == c.who.Account && r.Region == c.region && (c.form.Get("experimentTemplateId") == "" || c.form.Get("experimentTemplateId") == r.Template.ID) {
			one := r.shown(s.cfg.Now())
			for _, key := range []string{"roleArn", "stopConditions", "targets", "actions", "startTime"} {
				delete(one, key)
			}
			all = append(all, one)
		}
	}
	return faultPage(s, c, "experiments", all)
}
