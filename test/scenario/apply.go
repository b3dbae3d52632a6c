package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"
)

// Applier gives manifests to a cluster as `kubectl apply --server-side` does.
type Applier struct {
	dynamic dynamic.Interface
	mapper  meta.RESTMapper
	manager string
}

// NewApplier prepares an applier. manager is whom the cluster names as who set a field.
func NewApplier(cfg *rest.Config, manager string) (*Applier, error) {
	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, err
	}
	return &Applier{dynamic: dyn, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco)), manager: manager}, nil
}

// Apply applies the documents in order. Each goes to namespace unless it is cluster-scoped; a namespace of "" keeps the one that
// it names.
func (a *Applier) Apply(ctx context.Context, namespace, manifests string) error {
	return a.each(ctx, namespace, manifests, func(ctx context.Context, r dynamic.ResourceInterface, o *unstructured.Unstructured) error {
		data, err := json.Marshal(o)
		if err != nil {
			return err
		}
		force := true
		_, err = r.Patch(ctx, o.GetName(), types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: a.manager, Force: &force})
		return err
	})
}

// Clusterwide gives those of the documents that belong to no namespace.
func (a *Applier) Clusterwide(ctx context.Context, manifests string) (string, error) {
	all, err := objects(manifests)
	if err != nil {
		return "", err
	}
	var found []string
	for _, o := range all {
		mapping, err := a.mapping(ctx, o.GroupVersionKind())
		if err != nil {
			return "", err
		}
		if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
			continue
		}
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			return "", err
		}
		found = append(found, string(text))
	}
	return strings.Join(found, "---\n"), nil
}

// Remove deletes what the documents name; what is gone already is fine.
func (a *Applier) Remove(ctx context.Context, namespace, manifests string) error {
	return a.each(ctx, namespace, manifests, func(ctx context.Context, r dynamic.ResourceInterface, o *unstructured.Unstructured) error {
		err := r.Delete(ctx, o.GetName(), metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// object finds an object by its kind, such as Deployment, and its name. What is in no namespace is found all the same.
func (a *Applier) object(namespace, named string) (dynamic.ResourceInterface, string, error) {
	kind, name, _ := strings.Cut(named, "/")
	resource, err := a.mapper.ResourceFor(schema.GroupVersionResource{Resource: strings.ToLower(kind)})
	if err != nil {
		return nil, "", err
	}
	gvk, err := a.mapper.KindFor(resource)
	if err != nil {
		return nil, "", err
	}
	mapping, err := a.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, "", err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return a.dynamic.Resource(resource).Namespace(namespace), name, nil
	}
	return a.dynamic.Resource(resource), name, nil
}

// patch changes an object, or its status.
func (a *Applier) patch(ctx context.Context, namespace string, p Patch) error {
	r, name, err := a.object(namespace, p.Object)
	if err != nil {
		return err
	}
	data, err := json.Marshal(p.With)
	if err != nil {
		return err
	}
	var sub []string
	if p.Part != "" {
		sub = []string{p.Part}
	}
	_, err = r.Patch(ctx, name, types.StrategicMergePatchType, []byte(now(string(data))), metav1.PatchOptions{FieldManager: a.manager}, sub...)
	return err
}

func objects(manifests string) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for _, doc := range documents(now(manifests)) {
		var o unstructured.Unstructured
		if err := yaml.Unmarshal(doc, &o.Object); err != nil {
			return nil, err
		}
		if o.GetKind() == "" || o.GetName() == "" {
			return nil, errors.New("a manifest has no kind or no name")
		}
		all = append(all, &o)
	}
	return all, nil
}

// servedWithin is how long a kind that was just defined may take until the API server serves it.
const servedWithin = 30 * time.Second

// mapping finds out where the objects of a kind are.
func (a *Applier) mapping(ctx context.Context, gvk schema.GroupVersionKind) (*meta.RESTMapping, error) {
	for until := time.Now().Add(servedWithin); ; {
		m, err := a.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
		if !meta.IsNoMatchError(err) || time.Now().After(until) {
			return m, err
		}
		meta.MaybeResetRESTMapper(a.mapper) // it takes what it knows for all there is
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (a *Applier) each(ctx context.Context, namespace, manifests string, do func(context.Context, dynamic.ResourceInterface, *unstructured.Unstructured) error) error {
	all, err := objects(manifests)
	if err != nil {
		return err
	}
	for _, o := range all {
		mapping, err := a.mapping(ctx, o.GroupVersionKind())
		if err != nil {
			return err
		}
		var r dynamic.ResourceInterface = a.dynamic.Resource(mapping.Resource)
		if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
			if namespace != "" {
				o.SetNamespace(namespace)
			}
			if about, _, _ := unstructured.NestedString(o.Object, "involvedObject", "namespace"); o.GetKind() == "Event" && about == "" {
				o.SetNamespace("default") // where Kubernetes keeps the events of what is in no namespace
			}
			r = a.dynamic.Resource(mapping.Resource).Namespace(o.GetNamespace())
		}
		if err := do(ctx, r, o); err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}
