package waste

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func withLabel(key string, values ...string) *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}},
		}},
	}}}
}

func podTerm(topology string, labels map[string]string) corev1.PodAffinityTerm {
	return corev1.PodAffinityTerm{TopologyKey: topology, LabelSelector: &metav1.LabelSelector{MatchLabels: labels}}
}

func beside(terms ...corev1.PodAffinityTerm) *corev1.Affinity {
	return &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms}}
}

func awayFrom(terms ...corev1.PodAffinityTerm) *corev1.Affinity {
	return &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms}}
}

func sidecarOf(cpu string) corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	c := corev1.Container{Name: "mesh", RestartPolicy: &always}
	asks(&c, cpu, "64Mi")
	return c
}

func initOf(cpu string) corev1.Container {
	c := corev1.Container{Name: "migrate"}
	asks(&c, cpu, "64Mi")
	return c
}

func asksMore(p *corev1.Pod, name corev1.ResourceName, q string) {
	p.Spec.Containers[0].Resources.Requests[name] = resource.MustParse(q)
}

// Each case changes what the one pod of n1 asks, or what the other nodes give. 1500m and 7 GiB are free on each of them.
func TestPodThatFitsNowhere(t *testing.T) {
	zone, host := corev1.LabelTopologyZone, corev1.LabelHostname
	tests := map[string]struct {
		change func(w nodeWorld, p *corev1.Pod)
		detail string // why it fits nowhere; "" when it fits
	}{
		"CPU that fits":     {func(_ nodeWorld, p *corev1.Pod) { asksMore(p, corev1.ResourceCPU, "1500m") }, ""},
		"CPU":               {func(_ nodeWorld, p *corev1.Pod) { asksMore(p, corev1.ResourceCPU, "1501m") }, "3 have too little cpu"},
		"memory that fits":  {func(_ nodeWorld, p *corev1.Pod) { asksMore(p, corev1.ResourceMemory, "7Gi") }, ""},
		"memory":            {func(_ nodeWorld, p *corev1.Pod) { asksMore(p, corev1.ResourceMemory, "7169Mi") }, "3 have too little memory"},
		"ephemeral storage": {func(_ nodeWorld, p *corev1.Pod) { asksMore(p, corev1.ResourceEphemeralStorage, "51Gi") }, "3 have too little ephemeral-storage"},
		"extended resource": {func(_ nodeWorld, p *corev1.Pod) { asksMore(p, "nvidia.com/gpu", "1") }, "3 have too little nvidia.com/gpu"},
		"init container":    {func(_ nodeWorld, p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{initOf("1600m")} }, "too little cpu"},
		"init within":       {func(_ nodeWorld, p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{initOf("1400m")} }, ""},
		"native sidecar":    {func(_ nodeWorld, p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{sidecarOf("1400m")} }, "too little cpu"},
		"init after sidecar": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{sidecarOf("500m"), initOf("1100m")}
		}, "too little cpu"},
		"overhead": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Overhead = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1400m")}
		}, "too little cpu"},
		"asked of the pod": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}}
		}, "too little cpu"},
		"being resized": {func(_ nodeWorld, p *corev1.Pod) {
			big := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", AllocatedResources: big, Resources: &corev1.ResourceRequirements{Requests: big}}}
		}, "too little cpu"},
		"being resized as a whole": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}
			p.Status.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}}
		}, "too little cpu"},
		"number of pods": {func(w nodeWorld, _ *corev1.Pod) {
			for _, n := range w.targets() {
				n.Status.Allocatable[corev1.ResourcePods] = resource.MustParse("1")
			}
		}, "3 have too little pods"},
		"one target with room": {func(w nodeWorld, p *corev1.Pod) {
			asksMore(p, corev1.ResourceCPU, "1800m")
			asks(&w.pod("big-n4").Spec.Containers[0], "2200m", "8Gi")
		}, ""},

		"host port": {func(w nodeWorld, p *corev1.Pod) {
			portOn(p, "", 80)
			portOn(w.pod("big-n2"), "", 80)
			portOn(w.pod("big-n3"), "", 80)
			portOn(w.pod("big-n4"), "", 80)
		}, "3 have its host port taken"},
		"host port of any IP": {func(w nodeWorld, p *corev1.Pod) {
			portOn(p, "10.0.0.1", 80)
			portOn(w.pod("big-n2"), anyIP, 80)
			portOn(w.pod("big-n3"), "", 80)
			portOn(w.pod("big-n4"), "10.0.0.1", 80)
		}, "3 have its host port taken"},
		"host port of other IP": {func(w nodeWorld, p *corev1.Pod) { portOn(p, "10.0.0.1", 80); portOn(w.pod("big-n2"), "10.0.0.2", 80) }, ""},

		"node selector":           {func(_ nodeWorld, p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{host: "n1"} }, "3 have other labels than its node selector"},
		"node selector that fits": {func(_ nodeWorld, p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{zone: "b"} }, ""},
		"node affinity":           {func(_ nodeWorld, p *corev1.Pod) { p.Spec.Affinity = withLabel(zone, "c") }, "3 have other labels"},
		"node affinity that fits": {func(_ nodeWorld, p *corev1.Pod) { p.Spec.Affinity = withLabel(zone, "b", "c") }, ""},
		"node affinity, preferred": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}}
		}, ""},

		"taint": {func(w nodeWorld, _ *corev1.Pod) { each(w, func(n *Node) { taint(n, "db") }) }, "3 have a taint"},
		"taint, no exec": {func(w nodeWorld, _ *corev1.Pod) {
			each(w, func(n *Node) { taint(n, "db"); n.Spec.Taints[0].Effect = corev1.TaintEffectNoExecute })
		}, "3 have a taint"},
		"taint, soft": {func(w nodeWorld, _ *corev1.Pod) {
			each(w, func(n *Node) { taint(n, "db"); n.Spec.Taints[0].Effect = corev1.TaintEffectPreferNoSchedule })
		}, ""},
		"tainted alike": {func(w nodeWorld, p *corev1.Pod) {
			each(w, func(n *Node) { taint(n, "db") })
			taint(w.node("n1"), "db")
			p.Spec.Tolerations = []corev1.Toleration{{Key: "db", Operator: corev1.TolerationOpExists}}
		}, ""},
		"targets cordoned": {func(w nodeWorld, _ *corev1.Pod) {
			w.addNode("n5", "a")
			each(w, func(n *Node) { n.Spec.Unschedulable = true })
			w.node("n5").Labels[host] = "n5"
			w.addPod("full", "n5", "3900m", "8Gi")
		}, "3 have no leave to take pods"},
		"targets not ready": {func(w nodeWorld, _ *corev1.Pod) {
			w.addNode("n5", "a")
			each(w, func(n *Node) { n.Status.Conditions = nil })
			w.addPod("full", "n5", "3900m", "8Gi")
		}, "3 have no leave to take pods"},
		"targets under pressure": {func(w nodeWorld, _ *corev1.Pod) {
			w.addNode("n5", "a")
			each(w, func(n *Node) {
				n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue})
			})
			w.addPod("full", "n5", "3900m", "8Gi")
		}, "3 have no leave to take pods"},

		"near one on its own node": {func(w nodeWorld, p *corev1.Pod) {
			ownedBy(w.addPod("cache", "n1", "10m", "64Mi"), "DaemonSet", "cache")
			p.Spec.Affinity = beside(podTerm(host, map[string]string{"app": "cache"}))
		}, "3 have no pod that affinity wants near"},
		"near one elsewhere": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Affinity = beside(podTerm(host, map[string]string{"app": "big-n3"}))
		}, ""},
		"near two at once": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Affinity = beside(podTerm(host, map[string]string{"app": "big-n3"}), podTerm(zone, map[string]string{"app": "big-n2"}))
		}, "no pod that affinity wants near"},
		"near nobody but it": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Affinity = beside(podTerm(host, map[string]string{"app": "web"}))
		}, ""},
		"near its kind, which still stands here": {func(w nodeWorld, p *corev1.Pod) {
			p.Spec.Affinity = beside(podTerm(host, map[string]string{"app": "web"}))
			twin := w.addPod("web2", "n1", "10m", "64Mi")
			twin.Labels, twin.Spec.Affinity = p.Labels, p.Spec.Affinity
		}, "no pod that affinity wants near"},
		"near another namespace, not named": {func(w nodeWorld, p *corev1.Pod) {
			w.pod("big-n2").Namespace = "kube-system"
			p.Spec.Affinity = beside(podTerm(host, map[string]string{"app": "big-n2"}))
		}, "no pod that affinity wants near"},
		"near another namespace, named": {func(w nodeWorld, p *corev1.Pod) {
			w.pod("big-n2").Namespace = "kube-system"
			term := podTerm(host, map[string]string{"app": "big-n2"})
			term.Namespaces = []string{"kube-system"}
			p.Spec.Affinity = beside(term)
		}, ""},
		"near another namespace, selected": {func(w nodeWorld, p *corev1.Pod) {
			w.pod("big-n2").Namespace = "kube-system"
			term := podTerm(host, map[string]string{"app": "big-n2"})
			term.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"name": "kube-system"}}
			p.Spec.Affinity = beside(term)
		}, ""},
		"near one that has to go to another zone": {func(w nodeWorld, p *corev1.Pod) {
			w.addPod("cache", "n1", "10m", "64Mi").Spec.NodeSelector = map[string]string{zone: "b"}
			p.Spec.NodeSelector = map[string]string{host: "n2"}
			p.Spec.Affinity = beside(podTerm(zone, map[string]string{"app": "cache"}))
		}, "no pod that affinity wants near"},
		"near one that has no node yet": {func(w nodeWorld, p *corev1.Pod) {
			w.addPod("late", "", "10m", "64Mi")
			p.Spec.Affinity = beside(podTerm(host, map[string]string{"app": "late"}))
		}, "3 have no pod that affinity wants near"},
		"near what cannot be read": {func(_ nodeWorld, p *corev1.Pod) {
			term := podTerm(host, nil)
			term.LabelSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}
			p.Spec.Affinity = beside(term)
		}, "shop/web: "},

		"apart from all": {func(w nodeWorld, p *corev1.Pod) {
			each(w, func(n *Node) { w.pod("big-" + n.Name).Labels["tier"] = "big" })
			p.Spec.Affinity = awayFrom(podTerm(host, map[string]string{"tier": "big"}))
		}, "3 have a pod that anti-affinity keeps apart"},
		"apart from one": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Affinity = awayFrom(podTerm(host, map[string]string{"app": "big-n2"}))
		}, ""},
		"apart from those of a zone each": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Affinity = awayFrom(podTerm(zone, map[string]string{"app": "big-n2"}), podTerm(zone, map[string]string{"app": "big-n3"}))
		}, "3 have a pod that anti-affinity keeps apart"},
		"others want to be apart from it": {func(w nodeWorld, _ *corev1.Pod) {
			each(w, func(n *Node) {
				w.pod("big-" + n.Name).Spec.Affinity = awayFrom(podTerm(host, map[string]string{"app": "web"}))
			})
		}, "3 have a pod that anti-affinity keeps apart"},
		"others anywhere want to be apart from it": {func(w nodeWorld, _ *corev1.Pod) {
			term := podTerm(host, map[string]string{"app": "web"})
			term.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"name": "shop"}}
			each(w, func(n *Node) {
				w.pod("big-" + n.Name).Spec.Affinity = awayFrom(term)
				w.pod("big-" + n.Name).Namespace = "kube-system"
			})
		}, "3 have a pod that anti-affinity keeps apart"},
		"apart in any namespace": {func(w nodeWorld, p *corev1.Pod) {
			each(w, func(n *Node) { q := w.pod("big-" + n.Name); q.Labels["tier"] = "big"; q.Namespace = "kube-system" })
			term := podTerm(host, map[string]string{"tier": "big"})
			term.NamespaceSelector = &metav1.LabelSelector{}
			p.Spec.Affinity = awayFrom(term)
		}, "3 have a pod that anti-affinity keeps apart"},
		"apart in its own namespace": {func(w nodeWorld, p *corev1.Pod) {
			each(w, func(n *Node) { q := w.pod("big-" + n.Name); q.Labels["tier"] = "big"; q.Namespace = "kube-system" })
			p.Spec.Affinity = awayFrom(podTerm(host, map[string]string{"tier": "big"}))
		}, ""},
		"apart from its own revision": {func(w nodeWorld, p *corev1.Pod) {
			each(w, func(n *Node) { w.pod("big-" + n.Name).Labels = map[string]string{"app": "web", "rev": "2"} })
			p.Labels["rev"] = "1"
			term := podTerm(host, map[string]string{"app": "web"})
			term.MatchLabelKeys = []string{"rev"}
			p.Spec.Affinity = awayFrom(term)
		}, ""},
		"apart from other revisions": {func(w nodeWorld, p *corev1.Pod) {
			each(w, func(n *Node) { w.pod("big-" + n.Name).Labels = map[string]string{"app": "web", "rev": "2"} })
			p.Labels["rev"] = "1"
			term := podTerm(host, map[string]string{"app": "web"})
			term.MismatchLabelKeys = []string{"rev"}
			p.Spec.Affinity = awayFrom(term)
		}, "3 have a pod that anti-affinity keeps apart"},

		"volume of its zone":     {func(w nodeWorld, p *corev1.Pod) { w.addVolume(p, "data", "a") }, ""},
		"volume of another zone": {func(w nodeWorld, p *corev1.Pod) { w.addVolume(p, "data", "c") }, "3 have a volume in another place"},
		"volume of a lone zone": {func(w nodeWorld, p *corev1.Pod) {
			w.addVolume(p, "data", "a")
			w.node("n2").Spec.Unschedulable = true
			w.group().Suspended = []string{"AZRebalance"}
			w.addNode("n5", "a")
			w.addPod("full", "n5", "3900m", "8Gi")
		}, "a volume in another place"},
		"volume labelled by zone": {func(w nodeWorld, p *corev1.Pod) { labelled(w.addVolume(p, "data", "a"), corev1.LabelTopologyZone, "c") }, "3 have a volume in another place"},
		"volume labelled of old": {func(w nodeWorld, p *corev1.Pod) {
			labelled(w.addVolume(p, "data", "a"), corev1.LabelFailureDomainBetaZone, "b__c")
		}, ""},
		"local volume": {func(w nodeWorld, p *corev1.Pod) { local(w.addVolume(p, "data", "a")) }, "3 have a volume in another place"},
		"directory of the node": {func(w nodeWorld, p *corev1.Pod) {
			w.addVolume(p, "data", "a").Spec.PersistentVolumeSource = corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{}}
		}, "a directory of the node"},
		"claim that is not there":  {func(w nodeWorld, p *corev1.Pod) { w.addVolume(p, "data", "a"); w.cluster().Claims = nil }, "its claim shop/data is not there"},
		"volume that is not there": {func(w nodeWorld, p *corev1.Pod) { w.addVolume(p, "data", "a"); w.cluster().Volumes = nil }, "the volume of its claim shop/data is not there"},
		"volume that a pod elsewhere holds": {func(w nodeWorld, p *corev1.Pod) {
			w.addVolume(p, "data", "a")
			w.pod("big-n3").Spec.Volumes = p.Spec.Volumes
		}, "1 has a volume that another node holds"},
		"volume that all may hold": {func(w nodeWorld, p *corev1.Pod) {
			w.addVolume(p, "data", "a")
			w.cluster().Claims[0].Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
			w.pod("big-n3").Spec.Volumes = p.Spec.Volumes
		}, ""},
		"volume without a claim": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{volumeOf("data", corev1.VolumeSource{AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: "vol-1"}})}
		}, "without a claim"},
		"slots for volumes": {func(w nodeWorld, p *corev1.Pod) {
			w.addVolume(p, "data", "a")
			each(w, func(n *Node) { n.Attachable = map[string]int32{ebsDriver: 0} })
		}, "no slot for a volume"},
		"slots taken": {func(w nodeWorld, p *corev1.Pod) {
			w.addVolume(p, "data", "a")
			w.addVolume(w.pod("big-n2"), "other", "a")
			w.node("n2").Attachable = map[string]int32{ebsDriver: 1}
		}, "no slot for a volume"},
		"slots that nobody tells": {func(w nodeWorld, p *corev1.Pod) {
			w.addVolume(p, "data", "a")
			each(w, func(n *Node) {
				for i := range leastAttachable {
					w.addVolume(w.pod("big-"+n.Name), fmt.Sprintf("%s-%d", n.Name, i), "a")
				}
			})
		}, "1 has no slot for a volume"},
		"slots of another driver": {func(w nodeWorld, p *corev1.Pod) {
			w.addVolume(p, "data", "a").Spec.CSI.Driver = "efs.csi.aws.com"
			each(w, func(n *Node) { n.Attachable = map[string]int32{ebsDriver: 0} })
		}, ""},
		"slots enough": {func(w nodeWorld, p *corev1.Pod) {
			w.addVolume(p, "data", "a")
			w.addVolume(w.pod("big-n2"), "other", "a")
			w.node("n2").Attachable = map[string]int32{ebsDriver: 2}
		}, ""},
		"scratch volume":                       {func(w nodeWorld, p *corev1.Pod) { scratch(w, p, storagev1.VolumeBindingWaitForFirstConsumer) }, ""},
		"scratch volume of another zone":       {func(w nodeWorld, p *corev1.Pod) { scratch(w, p, storagev1.VolumeBindingWaitForFirstConsumer, "c") }, "3 have a volume in another place"},
		"scratch volume that is bound at once": {func(w nodeWorld, p *corev1.Pod) { scratch(w, p, storagev1.VolumeBindingImmediate) }, "has no volume"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newNodeWorld(t)
			w.pin()
			test.change(w, w.pod("web"))
			found, skipped := w.detect()
			_, ok := found["n1"]
			got := skipped["n1"]
			if ok != (test.detail == "") || !ok && got.Reason != skipNoRoom || !strings.Contains(got.Detail, test.detail) {
				t.Errorf("found %v, skipped for %q: %q; want %q", ok, got.Reason, got.Detail, test.detail)
			}
		})
	}
}

func each(w nodeWorld, change func(n *Node)) {
	for _, n := range w.targets() {
		change(n)
	}
}

func portOn(p *corev1.Pod, ip string, port int32) {
	p.Spec.Containers[0].Ports = append(p.Spec.Containers[0].Ports, corev1.ContainerPort{HostIP: ip, HostPort: port, ContainerPort: port})
}

func labelled(v *corev1.PersistentVolume, key, value string) {
	v.Spec.NodeAffinity, v.Labels = nil, map[string]string{key: value}
}

func local(v *corev1.PersistentVolume) {
	v.Spec.PersistentVolumeSource = corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/mnt/disk"}}
	v.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions = []corev1.NodeSelectorRequirement{
		{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{"n1"}},
	}
}

func scratch(w nodeWorld, p *corev1.Pod, mode storagev1.VolumeBindingMode, zones ...string) {
	p.Spec.Volumes = []corev1.Volume{volumeOf("scratch", corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{}}})}
	class := &storagev1.StorageClass{
		ObjectMeta:  metav1.ObjectMeta{Name: "gp3", Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}},
		Provisioner: ebsDriver, VolumeBindingMode: &mode,
	}
	if len(zones) > 0 {
		class.AllowedTopologies = []corev1.TopologySelectorTerm{{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{{Key: corev1.LabelTopologyZone, Values: zones}}}}
	}
	w.cluster().Classes = []*storagev1.StorageClass{class}
}

// web is one of several, spread over zones or hosts.
func TestTopologySpread(t *testing.T) {
	rule := func(key string, skew int32) corev1.TopologySpreadConstraint {
		return corev1.TopologySpreadConstraint{
			TopologyKey: key, MaxSkew: skew, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		}
	}
	zone, host := corev1.LabelTopologyZone, corev1.LabelHostname
	honor, ignore := corev1.NodeInclusionPolicyHonor, corev1.NodeInclusionPolicyIgnore
	tests := map[string]struct {
		others []string // nodes that hold one more of its kind
		rule   corev1.TopologySpreadConstraint
		change func(w nodeWorld, p *corev1.Pod, rule *corev1.TopologySpreadConstraint)
		fits   bool
	}{
		"zones, even": {others: []string{"n3"}, rule: rule(zone, 1), fits: true},
		"zones, only the full ones": {others: []string{"n3"}, rule: rule(zone, 1), change: func(w nodeWorld, _ *corev1.Pod, _ *corev1.TopologySpreadConstraint) {
			taint(w.node("n2"), "db")
		}},
		"zones, skew of two": {others: []string{"n3"}, rule: rule(zone, 2), fits: true, change: func(w nodeWorld, _ *corev1.Pod, _ *corev1.TopologySpreadConstraint) {
			taint(w.node("n2"), "db")
		}},
		"zones, when it can be": {others: []string{"n3"}, rule: rule(zone, 1), fits: true, change: func(w nodeWorld, _ *corev1.Pod, r *corev1.TopologySpreadConstraint) {
			r.WhenUnsatisfiable = corev1.ScheduleAnyway
			taint(w.node("n2"), "db")
		}},
		"zones, of another revision": {others: []string{"n3"}, rule: rule(zone, 1), fits: true, change: func(w nodeWorld, p *corev1.Pod, r *corev1.TopologySpreadConstraint) {
			p.Labels["rev"] = "2"
			r.MatchLabelKeys = []string{"rev"}
			taint(w.node("n2"), "db")
		}},
		"zones, others on their way": {others: []string{"n3"}, rule: rule(zone, 1), fits: true, change: func(w nodeWorld, _ *corev1.Pod, _ *corev1.TopologySpreadConstraint) {
			w.pod("web-n3").DeletionTimestamp = &metav1.Time{Time: w.At}
			taint(w.node("n2"), "db")
		}},
		// The node that is drained is a host with none of them until it is deleted.
		"hosts, one each":        {others: []string{"n2", "n3", "n4"}, rule: rule(host, 1)},
		"hosts, skew of two":     {others: []string{"n2", "n3", "n4"}, rule: rule(host, 2), fits: true},
		"hosts, one free":        {others: []string{"n2", "n3"}, rule: rule(host, 1), fits: true},
		"hosts, taints honoured": {others: []string{"n2", "n3", "n4"}, rule: rule(host, 1), fits: true, change: func(_ nodeWorld, _ *corev1.Pod, r *corev1.TopologySpreadConstraint) { r.NodeTaintsPolicy = &honor }},
		"hosts, fewer than the least domains": {others: []string{"n2", "n3", "n4"}, rule: rule(host, 1), change: func(_ nodeWorld, _ *corev1.Pod, r *corev1.TopologySpreadConstraint) {
			least := int32(4)
			r.NodeTaintsPolicy, r.MinDomains = &honor, &least
		}},
		"a host that its affinity leaves out is no domain": {others: []string{"n3", "n4"}, rule: rule(zone, 1), fits: true, change: func(w nodeWorld, p *corev1.Pod, _ *corev1.TopologySpreadConstraint) {
			p.Spec.NodeSelector = map[string]string{zone: "b"}
		}},
		"unless affinity is ignored": {others: []string{"n3", "n4"}, rule: rule(zone, 1), change: func(w nodeWorld, p *corev1.Pod, r *corev1.TopologySpreadConstraint) {
			p.Spec.NodeSelector, r.NodeAffinityPolicy = map[string]string{zone: "b"}, &ignore
		}},
		"nodes without the label": {rule: rule("rack", 1)},
		"selector that cannot be read": {rule: rule(zone, 1), change: func(_ nodeWorld, _ *corev1.Pod, r *corev1.TopologySpreadConstraint) {
			r.LabelSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newNodeWorld(t)
			w.pin()
			for _, n := range test.others {
				other := w.addPod("web-"+n, n, "10m", "64Mi")
				other.Labels = map[string]string{"app": "web"}
				annotate(&other.ObjectMeta, doNotDisrupt, "true")
			}
			p := w.pod("web")
			if test.change != nil {
				test.change(w, p, &test.rule)
			}
			p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{test.rule}
			found, skipped := w.detect()
			if _, ok := found["n1"]; ok != test.fits || !ok && skipped["n1"].Reason != skipNoRoom {
				t.Errorf("found %v, skipped %q: %q; want found %v", ok, skipped["n1"].Reason, skipped["n1"].Detail, test.fits)
			}
		})
	}
}

// All pods of the node may be evicted at once, or one after the other: what a pod is allowed must hold either way.
func TestSpreadAtBothEndsOfADrain(t *testing.T) {
	tests := map[string]struct {
		key    string
		others []string
		want   map[string]string // refusal by node
	}{
		"its twin still fills the zone":             {corev1.LabelTopologyZone, nil, map[string]string{"n2": "too many of its kind for topology spread", "n3": ""}},
		"its twin is gone and leaves an empty host": {corev1.LabelHostname, []string{"n2", "n3", "n4"}, map[string]string{"n2": "too many of its kind for topology spread"}},
	}
	for name, test := range tests {
		w := newNodeWorld(t)
		p := w.pod("web")
		p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			TopologyKey: test.key, MaxSkew: 1, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: &metav1.LabelSelector{MatchLabels: p.Labels},
		}}
		w.addPod("twin", "n1", "10m", "64Mi").Labels = p.Labels
		for _, n := range test.others {
			w.addPod("web-"+n, n, "10m", "64Mi").Labels = p.Labels
		}
		r := newRoom(w.cluster())
		source := r.byName["n1"]
		for _, mover := range source.movers() {
			mover.from = source
			r.leave(mover)
		}
		i := slices.IndexFunc(r.tenants, func(o *tenant) bool { return o.pod == p })
		d := r.demand(r.tenants[i])
		for node, want := range test.want {
			if got := r.refusal(d, r.byName[node]); got != want {
				t.Errorf("%s: on %s: %q, want %q", name, node, got, want)
			}
		}
	}
}

// The proof packs the pods tightly; the scheduler would spread them so that the large one finds no room.
func TestNodeThatFitsInOneWayOnly(t *testing.T) {
	w := newNodeWorld(t)
	for _, n := range w.targets() {
		asks(&w.pod("big-" + n.Name).Spec.Containers[0], "2500m", "1Gi")
	}
	asks(&w.pod("web").Spec.Containers[0], "1400m", "256Mi")
	for _, name := range []string{"s1", "s2", "s3"} {
		w.addPod(name, "n1", "200m", "64Mi")
	}
	w.cluster().Nodes = w.cluster().Nodes[:4]
	_, skipped := w.detect()
	if got := skipped["n1"]; got.Reason != skipTight || !strings.Contains(got.Detail, "shop/web") {
		t.Errorf("skipped for %q: %q; want %q", got.Reason, got.Detail, skipTight)
	}
}
