package aws

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"
	"github.com/aws/smithy-go"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// FaultTag is on each template and experiment that FIS makes in AWS FIS; its value is the handle of what it is for.
const FaultTag = "autopilot:experiment"

// podTarget is what AWS FIS calls a pod of an EKS cluster.
const podTarget = "aws:eks:pod"

// FIS brings faults to pods by AWS FIS: it is a chaos.Cloud. Somebody made an experiment template in FIS by hand, and looked at it; what it
// says of the role, the stop conditions, the log, the cluster and the service account is taken from it, and for each fault a template is made
// that says the same of one pod and one fault. Its methods may be called at the same time.
type FIS struct {
	region, template string
	fis              *fis.Client

	mu   sync.Mutex
	made map[string]made // by handle, what this process knows of
}

// made is what there is in AWS FIS of one fault.
type made struct{ experiment, template string }

// NewFIS prepares one, as a role of its own; template is the id of the one that was made by hand. It fails as Connect does, and speaks to
// nobody.
func NewFIS(ctx context.Context, cfg Config, template string) (*FIS, error) {
	if cfg.Region == "" {
		return nil, engine.Errorf(engine.Invalid, "AWS FIS needs a region, such as eu-central-1")
	}
	sdk, err := load(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &FIS{region: cfg.Region, template: template, fis: fis.NewFromConfig(sdk), made: map[string]made{}}, nil
}

// pattern is what the template that somebody made says, as far as each fault is to have it too.
type pattern struct {
	role      string
	stops     []types.CreateExperimentTemplateStopConditionInput
	logs      *types.CreateExperimentTemplateLogConfigurationInput
	cluster   string
	account   string // the Kubernetes service account of the pods that FIS makes
	container string // its image, where the template names one
}

// pattern reads the template.
func (f *FIS) pattern(ctx context.Context) (pattern, error) {
	out, err := f.fis.GetExperimentTemplate(ctx, &fis.GetExperimentTemplateInput{Id: aws.String(f.template)})
	if err != nil {
		return pattern{}, faulty(err, "template "+f.template+" cannot be read")
	}
	t := out.ExperimentTemplate
	p := pattern{role: aws.ToString(t.RoleArn)}
	for _, s := range t.StopConditions {
		p.stops = append(p.stops, types.CreateExperimentTemplateStopConditionInput{Source: s.Source, Value: s.Value})
	}
	if l := t.LogConfiguration; l != nil {
		p.logs = &types.CreateExperimentTemplateLogConfigurationInput{LogSchemaVersion: l.LogSchemaVersion}
		if c := l.CloudWatchLogsConfiguration; c != nil {
			p.logs.CloudWatchLogsConfiguration = &types.ExperimentTemplateCloudWatchLogsLogConfigurationInput{LogGroupArn: c.LogGroupArn}
		}
		if s := l.S3Configuration; s != nil {
			p.logs.S3Configuration = &types.ExperimentTemplateS3LogConfigurationInput{BucketName: s.BucketName, Prefix: s.Prefix}
		}
	}
	for _, target := range t.Targets {
		if aws.ToString(target.ResourceType) == podTarget {
			p.cluster = target.Parameters["clusterIdentifier"]
		}
	}
	for _, action := range t.Actions {
		if strings.HasPrefix(aws.ToString(action.ActionId), podTarget+"-") {
			p.account, p.container = action.Parameters["kubernetesServiceAccount"], action.Parameters["fisPodContainerImage"]
		}
	}
	if p.cluster == "" || p.account == "" {
		return pattern{}, engine.Errorf(engine.Invalid, "template %s of AWS FIS names no cluster and service account: it needs an action aws:eks:pod-… with kubernetesServiceAccount, on a target %s with clusterIdentifier",
			f.template, podTarget)
	}
	return p, nil
}

// action is what FIS calls a fault, and its parameters. ok is false for what FIS has not.
func action(s engine.Strike, last time.Duration) (id string, parameters map[string]string, ok bool) {
	d := s.Dose
	millis := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	switch s.Fault {
	case engine.FaultLag:
		id, parameters = podTarget+"-network-latency", map[string]string{"delayMilliseconds": millis(d.Delay), "jitterMilliseconds": millis(d.Jitter)}
	case engine.FaultLoss:
		// It takes whole percents: the nearest, and one at least.
		id, parameters = podTarget+"-network-packet-loss", map[string]string{"lossPercent": strconv.Itoa(int(max(math.Round(d.Loss), 1)))}
	case engine.FaultCPU:
		workers := max(math.Ceil(d.CPU), 1)
		share := 100.0
		if d.CPU > 0 {
			share = max(math.Round(100*d.CPU/workers), 1)
		}
		id, parameters = podTarget+"-cpu-stress", map[string]string{"percent": strconv.Itoa(int(share))}
		if d.CPU > 0 { // else as many as the pod sees, which its limit bounds
			parameters["workers"] = strconv.Itoa(int(workers))
		}
	case engine.FaultKill, engine.FaultContainerKill, engine.FaultMemory, engine.FaultThrottle, engine.FaultDNS, engine.FaultDrain, engine.FaultNothing:
		return "", nil, false
	}
	parameters["duration"] = fmt.Sprintf("PT%dS", int(max(math.Ceil(last.Seconds()), 1)))
	return id, parameters, true
}

// Try reads the template, which is all that can be tried: AWS FIS has no dry run of an experiment for pods.
func (f *FIS) Try(ctx context.Context, s engine.Strike, _ engine.Victim) error {
	if _, _, ok := action(s, s.Duration); !ok {
		return engine.Errorf(engine.Invalid, "AWS FIS has no %s for pods", s.Fault)
	}
	_, err := f.pattern(ctx)
	return err
}

// Begin makes a template of one pod and one fault, and starts it. Both are asked for by the handle, so that who asks again gets the same.
func (f *FIS) Begin(ctx context.Context, s engine.Strike, t engine.Victim, handle string, last time.Duration) error {
	id, parameters, ok := action(s, last)
	if !ok {
		return engine.Errorf(engine.Invalid, "AWS FIS has no %s for pods", s.Fault)
	}
	p, err := f.pattern(ctx)
	if err != nil {
		return err
	}
	parameters["kubernetesServiceAccount"] = p.account
	if p.container != "" {
		parameters["fisPodContainerImage"] = p.container
	}
	target := map[string]string{"clusterIdentifier": p.cluster, "namespace": t.Object.Namespace, "selectorType": "podName", "selectorValue": t.Object.Name}
	if t.Container != "" {
		target["targetContainerName"] = t.Container
	}
	tags := map[string]string{FaultTag: handle}
	out, err := f.fis.CreateExperimentTemplate(ctx, &fis.CreateExperimentTemplateInput{
		ClientToken: aws.String(handle), Description: aws.String("Autopilot: " + string(s.Fault) + " on " + t.Object.Namespace + "/" + t.Object.Name), Tags: tags,
		RoleArn: aws.String(p.role), StopConditions: p.stops, LogConfiguration: p.logs,
		Targets:           map[string]types.CreateExperimentTemplateTargetInput{"pod": {ResourceType: aws.String(podTarget), SelectionMode: aws.String("ALL"), Parameters: target}},
		Actions:           map[string]types.CreateExperimentTemplateActionInput{"fault": {ActionId: aws.String(id), Parameters: parameters, Targets: map[string]string{"Pods": "pod"}}},
		ExperimentOptions: &types.CreateExperimentTemplateExperimentOptionsInput{EmptyTargetResolutionMode: types.EmptyTargetResolutionModeFail},
	})
	if err != nil {
		return faulty(err, "the template of this fault cannot be made")
	}
	m := made{template: aws.ToString(out.ExperimentTemplate.Id)}
	f.remember(handle, m)
	started, err := f.fis.StartExperiment(ctx, &fis.StartExperimentInput{ClientToken: aws.String(handle), ExperimentTemplateId: aws.String(m.template), Tags: tags})
	if err != nil {
		err = faulty(err, "the experiment cannot be started")
		if engine.CodeOf(err) != engine.Unavailable { // nothing runs, so that nobody looks for what is left
			err = errors.Join(err, f.drop(context.WithoutCancel(ctx), m.template))
		}
		return err
	}
	m.experiment = aws.ToString(started.Experiment.Id)
	f.remember(handle, m)
	return nil
}

func (f *FIS) remember(handle string, m made) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made[handle] = m
}

// find gives what there is of a fault: what this process made, or what carries the handle in AWS FIS. Both are "" where there is nothing.
func (f *FIS) find(ctx context.Context, handle string) (made, error) {
	f.mu.Lock()
	m := f.made[handle]
	f.mu.Unlock()
	if m.experiment != "" {
		return m, nil
	}
	experiments := fis.NewListExperimentsPaginator(f.fis, &fis.ListExperimentsInput{})
	for experiments.HasMorePages() && m.experiment == "" {
		page, err := experiments.NextPage(ctx)
		if err != nil {
			return m, faulty(err, "the experiments cannot be listed")
		}
		for _, e := range page.Experiments {
			if e.Tags[FaultTag] == handle {
				m.experiment = aws.ToString(e.Id)
			}
		}
	}
	templates := fis.NewListExperimentTemplatesPaginator(f.fis, &fis.ListExperimentTemplatesInput{})
	for templates.HasMorePages() && m.template == "" {
		page, err := templates.NextPage(ctx)
		if err != nil {
			return m, faulty(err, "the templates cannot be listed")
		}
		for _, t := range page.ExperimentTemplates {
			if t.Tags[FaultTag] == handle {
				m.template = aws.ToString(t.Id)
			}
		}
	}
	f.remember(handle, m)
	return m, nil
}

// experiment reads how the experiment of a handle is. It fails with NotFound where there is none.
func (f *FIS) experiment(ctx context.Context, m made, handle string) (*types.Experiment, error) {
	if m.experiment == "" {
		return nil, engine.Errorf(engine.NotFound, "AWS FIS has no experiment %s", handle)
	}
	out, err := f.fis.GetExperiment(ctx, &fis.GetExperimentInput{Id: aws.String(m.experiment)})
	if err != nil {
		return nil, faulty(err, "experiment "+m.experiment+" cannot be read")
	}
	return out.Experiment, nil
}

// Look tells how a fault is: it holds once FIS says so of its action, which comes after the experiment itself began.
func (f *FIS) Look(ctx context.Context, handle string) (chaos.CloudState, error) {
	m, err := f.find(ctx, handle)
	if err != nil {
		return chaos.CloudState{}, err
	}
	e, err := f.experiment(ctx, m, handle)
	if err != nil {
		return chaos.CloudState{}, err
	}
	var s chaos.CloudState
	if e.State != nil {
		s.Over, s.Text = over(e.State.Status), string(e.State.Status)
		if why := aws.ToString(e.State.Reason); why != "" {
			s.Text += ": " + why
		}
	}
	for _, a := range e.Actions {
		s.Holds = !s.Over && a.State != nil && a.State.Status == types.ExperimentActionStatusRunning
	}
	return s, nil
}

// over tells whether an experiment has ended.
func over(s types.ExperimentStatus) bool {
	switch s {
	case types.ExperimentStatusCompleted, types.ExperimentStatusStopped, types.ExperimentStatusFailed, types.ExperimentStatusCancelled:
		return true
	case types.ExperimentStatusPending, types.ExperimentStatusInitiating, types.ExperimentStatusRunning, types.ExperimentStatusStopping:
	}
	return false
}

// End stops the experiment of a handle, and deletes its template when the experiment has ended. It fails with Conflict until then.
func (f *FIS) End(ctx context.Context, handle string) error {
	m, err := f.find(ctx, handle)
	if err != nil {
		return err
	}
	e, err := f.experiment(ctx, m, handle)
	switch {
	case engine.CodeOf(err) == engine.NotFound: // it never began, or AWS forgot it after its time
	case err != nil:
		return err
	case e.State == nil || !over(e.State.Status):
		if e.State == nil || e.State.Status != types.ExperimentStatusStopping {
			if _, err := f.fis.StopExperiment(ctx, &fis.StopExperimentInput{Id: aws.String(m.experiment)}); err != nil {
				return faulty(err, "experiment "+m.experiment+" cannot be stopped")
			}
		}
		return engine.Errorf(engine.Conflict, "experiment %s is being stopped", m.experiment)
	}
	if err := f.drop(ctx, m.template); err != nil {
		return err
	}
	f.mu.Lock()
	delete(f.made, handle)
	f.mu.Unlock()
	return nil
}

// drop deletes a template that was made for one fault; "" is none.
func (f *FIS) drop(ctx context.Context, template string) error {
	if template == "" {
		return nil
	}
	_, err := f.fis.DeleteExperimentTemplate(ctx, &fis.DeleteExperimentTemplateInput{Id: aws.String(template)})
	if err = faulty(err, "template "+template+" cannot be deleted"); engine.CodeOf(err) == engine.NotFound {
		return nil
	}
	return err
}

// faulty gives an error of FIS its code, and says what AWS said.
func faulty(err error, message string) error {
	if err == nil {
		return nil
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return failed(err, message+" by AWS FIS")
	}
	message = fmt.Sprintf("%s by AWS FIS: %s: %s", message, api.ErrorCode(), api.ErrorMessage())
	switch api.ErrorCode() {
	case "ValidationException":
		return engine.Wrap(engine.Invalid, err, message)
	case "ResourceNotFoundException":
		return engine.Wrap(engine.NotFound, err, message)
	case "ConflictException":
		return engine.Wrap(engine.Conflict, err, message)
	case "ServiceQuotaExceededException":
		return engine.Wrap(engine.Conflict, err, message+". End other experiments, delete templates that nobody needs, or ask AWS for more")
	case "AccessDeniedException":
		return engine.Wrap(engine.Forbidden, err, message+". deploy/terraform has the policy fault-injector")
	}
	return failed(err, message)
}

// CheckFIS tries what faults by AWS FIS need and can be tried without one.
func (f *FIS) CheckFIS(ctx context.Context, area string) []engine.Check {
	p, err := f.pattern(ctx)
	if err != nil {
		return []engine.Check{engine.Missed("chaos-fis", engine.CheckFail, area, "AWS FIS "+f.template, err.Error(), "a template that can be read",
			"set clusters[].chaos.fis.template to an experiment template of this account and region, and give its role the policy fault-injector of deploy/terraform")}
	}
	if _, err := f.find(ctx, "doctor"); err != nil {
		return []engine.Check{engine.Missed("chaos-fis", engine.CheckFail, area, "AWS FIS "+f.template, err.Error(), "experiments and templates that can be listed",
			"give the role the policy fault-injector of deploy/terraform; without the lists nobody finds what a process left that died")}
	}
	for _, s := range p.stops {
		if aws.ToString(s.Source) != "none" {
			return []engine.Check{engine.Passed(area, "AWS FIS "+f.template, "it can be used on "+p.cluster+", and stops on an alarm")}
		}
	}
	return []engine.Check{engine.Missed("chaos-fis", engine.CheckWarn, area, "AWS FIS "+f.template, "no stop condition", "a CloudWatch alarm that stops it",
		"give the template a stop condition; without one only the bot, and the time, end what FIS does")}
}
