package scenario

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// pods are those of a workload that have not ended and are not on their way out, by name.
func (p *Player) pods(ctx context.Context, namespace, workload string) ([]corev1.Pod, error) {
	r, name, err := p.object(namespace, workload)
	if err != nil {
		return nil, err
	}
	options := metav1.ListOptions{FieldSelector: "metadata.name=" + name}
	if !strings.HasPrefix(workload, "Pod/") {
		o, err := r.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		match, _, err := unstructured.NestedStringMap(o.Object, "spec", "selector", "matchLabels")
		if err != nil || len(match) == 0 {
			return nil, fmt.Errorf("%s selects no pods by their labels: %w", workload, err)
		}
		options = metav1.ListOptions{LabelSelector: labels.SelectorFromSet(match).String()}
	}
	list, err := p.client.CoreV1().Pods(namespace).List(ctx, options)
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(list.Items, func(pod corev1.Pod) bool {
		return pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	})
	if len(left) == 0 {
		return nil, fmt.Errorf("%s has no pod", workload)
	}
	slices.SortFunc(left, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return left, nil
}

// exec runs a command in the first pod of a workload, and fails with what it wrote.
func (p *Player) exec(ctx context.Context, namespace string, e Exec) error {
	pods, err := p.pods(ctx, namespace, e.Object)
	if err != nil {
		return err
	}
	request := p.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pods[0].Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: e.Container, Command: e.Command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	stream, err := remotecommand.NewSPDYExecutor(p.config, http.MethodPost, request.URL())
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := stream.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &out, Stderr: &out}); err != nil {
		return fmt.Errorf("%v in %s: %w: %s", e.Command, pods[0].Name, err, out.String())
	}
	return nil
}

func (p *Player) post(ctx context.Context, namespace string, r Post) error {
	return p.client.CoreV1().RESTClient().Post().Namespace(namespace).Resource("services").Name(r.Service).SubResource("proxy").
		Suffix(r.Path).SetHeader("Content-Type", "application/json").Body([]byte(r.Body)).Do(ctx).Error()
}

func (p *Player) deletePod(ctx context.Context, namespace, workload string) error {
	pods, err := p.pods(ctx, namespace, workload)
	if err != nil {
		return err
	}
	return p.client.CoreV1().Pods(namespace).Delete(ctx, pods[0].Name, metav1.DeleteOptions{})
}

// drain does what kubectl drain does once: it cordons a node, and asks for the eviction of its pods. Those whose budget forbids it stay.
func (p *Player) drain(ctx context.Context, node string) error {
	if err := p.patch(ctx, "", Patch{Object: "Node/" + node, With: map[string]any{"spec": map[string]any{"unschedulable": true}}}); err != nil {
		return err
	}
	list, err := p.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return err
	}
	var errs []error
	for _, pod := range list.Items {
		if o := metav1.GetControllerOf(&pod); o != nil && o.Kind == "DaemonSet" {
			continue
		}
		err := p.client.PolicyV1().Evictions(pod.Namespace).Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace}})
		if err != nil && !apierrors.IsTooManyRequests(err) && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("evict %s: %w", pod.Name, err))
		}
	}
	return errors.Join(errs...)
}

// alert has Alertmanager know of an alert that has just begun, for five minutes.
func (p *Player) alert(ctx context.Context, a Alert) error {
	if p.Alertmanager == "" {
		return errors.New("there is no Alertmanager here to tell")
	}
	at := time.Now().UTC()
	body, err := json.Marshal([]map[string]any{{
		"labels": a.Labels, "annotations": a.Annotations, "startsAt": at.Format(time.RFC3339), "endsAt": at.Add(5 * time.Minute).Format(time.RFC3339),
	}})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Alertmanager+"/api/v2/alerts", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("answer of Alertmanager: %s: %s", resp.Status, said)
	}
	return nil
}

// waitReady waits until an object is as it should be; until it appears, too.
func (p *Player) waitReady(ctx context.Context, namespace, what string) error {
	kind, _, _ := strings.Cut(what, "/")
	r, name, err := p.object(namespace, what)
	if err != nil {
		return err
	}
	return p.until(ctx, what+" to be ready", func(ctx context.Context) (bool, error) {
		o, err := r.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return ready(kind, o)
	})
}

// ready tells whether an object is as it should be.
func ready(kind string, o *unstructured.Unstructured) (bool, error) {
	number := func(path ...string) int64 {
		n, _, _ := unstructured.NestedInt64(o.Object, path...) // what is not there is none
		return n
	}
	is := func(condition string) bool {
		all, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
		return slices.ContainsFunc(all, func(c any) bool {
			fields, ok := c.(map[string]any)
			return ok && fields["type"] == condition && fields["status"] == "True"
		})
	}
	current := number("status", "observedGeneration") >= o.GetGeneration()
	want := number("spec", "replicas")
	switch kind {
	case "Deployment":
		return current && number("status", "updatedReplicas") == want && number("status", "availableReplicas") == want && number("status", "replicas") == want, nil
	case "StatefulSet":
		return current && number("status", "readyReplicas") == want && number("status", "updatedReplicas") == want, nil
	case "DaemonSet":
		want = number("status", "desiredNumberScheduled")
		return current && want > 0 && number("status", "numberAvailable") == want && number("status", "updatedNumberScheduled") == want, nil
	case "Job":
		return is("Complete"), nil
	case "Pod", "Node":
		return is("Ready"), nil
	}
	return false, fmt.Errorf("wait_ready knows Deployment, StatefulSet, DaemonSet, Job, Pod and Node, not %s", kind)
}
