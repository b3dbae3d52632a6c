package chart_test

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// files holds that each part has the files that are meant for it, and no others: the bot's kubeconfigs are not the chaos process's.
func files(t *testing.T, run func(...string) (string, string, error)) {
	const values = basic + `
chaos: {enabled: true, namespaces: [shop]}
files:
  - {path: /files/ca, configMap: authorities}
  - {path: /files/dev, secret: dev, in: [bot]}
  - {path: /files/breaker, secret: breaker, in: [chaos]}
  - {path: /files/schema, secret: schema, in: [migrate]}
`
	for name, tt := range map[string]struct {
		secrets string
		job     bool // a Job migrates, and not the bot's pod
	}{
		"a Secret that is there":      {"secrets: {existingSecret: autopilot}\n", true},
		"one that the release brings": {"secrets: {externalSecret: {enabled: true, storeRef: {name: vault}, remoteKey: autopilot}}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, err := run("template", "ap", chartDir, "-n", "autopilot", "-f", valuesFile(t, values+tt.secrets))
			if err != nil {
				t.Fatalf("%v\n%s", err, errs)
			}
			all := objects(t, out)
			var bot, chaos appsv1.Deployment
			decode(t, one(t, all, "Deployment", "ap"), &bot)
			decode(t, one(t, all, "Deployment", "ap-chaos"), &chaos)
			var migrate corev1.PodSpec
			if tt.job {
				var job batchv1.Job
				decode(t, one(t, all, "Job", "ap-migrate"), &job)
				migrate = job.Spec.Template.Spec
			} else {
				migrate = bot.Spec.Template.Spec
				migrate.Containers = migrate.InitContainers
			}
			for part, tt := range map[string]struct {
				spec corev1.PodSpec
				want []string
			}{
				"bot":     {bot.Spec.Template.Spec, []string{"/files/ca of authorities", "/files/dev of dev"}},
				"chaos":   {chaos.Spec.Template.Spec, []string{"/files/ca of authorities", "/files/breaker of breaker"}},
				"migrate": {migrate, []string{"/files/ca of authorities", "/files/schema of schema"}},
			} {
				if got := mounted(t, tt.spec); !slices.Equal(got, tt.want) {
					t.Errorf("%s has %q, want %q", part, got, tt.want)
				}
			}
		})
	}
}

// mounted are the folders that the first container of a pod has of Secrets and ConfigMaps, without the configuration.
func mounted(t *testing.T, spec corev1.PodSpec) (folders []string) {
	t.Helper()
	for _, m := range spec.Containers[0].VolumeMounts {
		i := slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if i < 0 {
			t.Errorf("there is no volume %s", m.Name)
			continue
		}
		v := spec.Volumes[i]
		switch {
		case v.Name == "config":
		case v.Secret != nil:
			folders = append(folders, fmt.Sprintf("%s of %s", m.MountPath, v.Secret.SecretName))
		case v.ConfigMap != nil:
			folders = append(folders, fmt.Sprintf("%s of %s", m.MountPath, v.ConfigMap.Name))
		}
		if v.EmptyDir == nil && !m.ReadOnly {
			t.Errorf("%s can be written to", m.MountPath)
		}
	}
	return folders
}
