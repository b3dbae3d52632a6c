package stand

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/deploy"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
)

// industryImage is the image that the manifests of the industries name.
const industryImage = "ghcr.io/eks-autopilot/industry:dev"

// IndustryNames are the demo industries, as they are shipped.
func IndustryNames() ([]string, error) {
	folders, err := fs.ReadDir(deploy.Industries(), "base")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range folders {
		if f.IsDir() {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

// OpenIndustries has demo industries run on a real node as deploy/industries/small says, each with so many requests of customers a second, all
// the time. It returns when all their pods are ready. Called again with other industries it adds them.
func (s *Stand) OpenIndustries(ctx context.Context, names []string, rate int) error {
	if s.Cluster.Mode() != cluster.Node {
		return errors.New("stand: industries are real containers: run as root on Linux")
	}
	manifests, err := industryManifests(names, rate)
	if err != nil {
		return err
	}
	s.cfg.Progress("building the program of the industries")
	if err := ImportProgram(ctx, s.Cluster, "cmd/industry", industryImage); err != nil {
		return err
	}
	s.cfg.Progress("opening " + strings.Join(names, ", "))
	applier, err := scenario.NewApplier(s.Cluster.RESTConfig(), "kubectl")
	if err != nil {
		return err
	}
	volumes, err := industryVolumes(manifests)
	if err != nil {
		return err
	}
	for _, all := range []string{volumes, manifests} {
		if err := applier.Apply(ctx, "", all); err != nil {
			return err
		}
	}
	return s.industriesReady(ctx, names)
}

// ScaleIndustry has a service of an industry run so often, and waits until it does.
func (s *Stand) ScaleIndustry(ctx context.Context, industry, service string, replicas int32) error {
	deployments := s.Cluster.Client().AppsV1().Deployments(industry)
	if err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		d, err := deployments.Get(ctx, service, metav1.GetOptions{})
		if err != nil {
			return err
		}
		d.Spec.Replicas = &replicas
		_, err = deployments.Update(ctx, d, metav1.UpdateOptions{})
		return err
	}); err != nil {
		return err
	}
	return s.industriesReady(ctx, []string{industry})
}

// industryManifests are what kustomize makes of deploy/industries/small, of the industries of these names.
func industryManifests(names []string, rate int) (string, error) {
	known, err := IndustryNames()
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return "", fmt.Errorf("stand: there is no industry %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	if len(names) == 0 || rate < 1 {
		return "", fmt.Errorf("stand: %d industries with %d requests a second: want one or more of both", len(names), rate)
	}
	disk := filesys.MakeFsInMemory()
	if err := fs.WalkDir(deploy.Industries(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(deploy.Industries(), name)
		if err != nil {
			return err
		}
		return disk.WriteFile(path.Join("/industries", name), data)
	}); err != nil {
		return "", err
	}
	for name, text := range map[string]string{
		"base":  "resources: [" + strings.Join(names, ", ") + "]\n",
		"stand": fmt.Sprintf(customers, rate),
	} {
		if err := disk.WriteFile(path.Join("/industries", name, "kustomization.yaml"), []byte(text)); err != nil {
			return "", err
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/industries/stand")
	if err != nil {
		return "", fmt.Errorf("stand: kustomize: %w", err)
	}
	text, err := built.AsYaml()
	return string(text), err
}

// customers has them ask as often as we want, by day and by night.
const customers = `resources: [../small]
patches:
  - target: {kind: Deployment, name: customers}
    patch: |
      - {op: replace, path: /spec/template/spec/containers/0/args/4, value: "%d"}
      - {op: replace, path: /spec/template/spec/containers/0/args/6, value: steady}
`

// industryVolumes are those that claims of the manifests' StatefulSets ask for: nothing else here makes volumes. They are folders of the node's
// own /var/lib, which goes when it goes.
func industryVolumes(manifests string) (string, error) {
	var all []string
	for doc := range strings.SplitSeq("\n"+manifests, "\n---") {
		var set appsv1.StatefulSet
		if err := yaml.Unmarshal([]byte(doc), &set); err != nil {
			return "", err
		}
		if set.Kind != "StatefulSet" {
			continue
		}
		for _, claim := range set.Spec.VolumeClaimTemplates {
			for n := range int(*cmp.Or(set.Spec.Replicas, new(int32(1)))) {
				text, err := yaml.Marshal(volume(set.Namespace, fmt.Sprintf("%s-%s-%d", claim.Name, set.Name, n), claim.Spec))
				if err != nil {
					return "", err
				}
				all = append(all, string(text))
			}
		}
	}
	return strings.Join(all, "---\n"), nil
}

// volume is one that a claim is bound to.
func volume(namespace, claim string, asks corev1.PersistentVolumeClaimSpec) corev1.PersistentVolume {
	name, folder := namespace+"-"+claim, corev1.HostPathDirectoryOrCreate
	return corev1.PersistentVolume{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolume"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes: asks.AccessModes,
			Capacity:    corev1.ResourceList{corev1.ResourceStorage: cmp.Or(asks.Resources.Requests.Storage(), new(resource.MustParse("1Gi"))).DeepCopy()},
			ClaimRef:    &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: namespace, Name: claim},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: path.Join("/var/lib/volumes", name), Type: &folder},
			},
		},
	}
}

// opening is how long all pods of the industries may take: a small machine has many to start.
const opening = 6 * time.Minute

// industriesReady waits until every workload of the industries has all its pods ready.
func (s *Stand) industriesReady(ctx context.Context, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	for {
		var lacking []string
		for _, name := range names {
			some, err := s.lacking(ctx, name)
			if err != nil {
				return err
			}
			lacking = append(lacking, some...)
		}
		if len(lacking) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stand: not ready: %s: %w", strings.Join(lacking, ", "), ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

// lacking are the workloads of an industry that have fewer pods ready than they want.
func (s *Stand) lacking(ctx context.Context, industry string) (lacking []string, err error) {
	apps := s.Cluster.Client().AppsV1()
	deployments, err := apps.Deployments(industry).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, d := range deployments.Items {
		if d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas != *d.Spec.Replicas || d.Status.AvailableReplicas != *d.Spec.Replicas || d.Status.Replicas != *d.Spec.Replicas {
			lacking = append(lacking, industry+"/"+d.Name)
		}
	}
	sets, err := apps.StatefulSets(industry).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for _, set := range sets.Items {
		if set.Status.ObservedGeneration < set.Generation || set.Status.ReadyReplicas != *set.Spec.Replicas || set.Status.UpdatedReplicas != *set.Spec.Replicas {
			lacking = append(lacking, industry+"/"+set.Name)
		}
	}
	if len(deployments.Items) == 0 {
		lacking = append(lacking, industry)
	}
	return lacking, nil
}
