package change

import (
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// field is where a value stands in an object, and whether it may be put there when it is not.
type field struct {
	ways [][]step // that it may be reached by, of which the first is for an insertion
	keep int      // so many steps of the first way must lead somewhere for an insertion; less than 1: it is never inserted
}

// String says the first way of a field for people.
func (f field) String() string { return pathOf(f.ways[0]) }

// object is which object holds the value of a wish.
type object struct {
	kind, namespace, name string
}

func (o object) String() string {
	if o.namespace == "" {
		return o.kind + " " + o.name
	}
	return o.kind + " " + o.namespace + "/" + o.name
}

// objectOf says which object a wish is about.
func objectOf(w engine.Wish) object {
	o := object{w.Target.Kind, w.Target.Namespace, w.Target.Name}
	if w.Kind == engine.WishTarget {
		o.kind, o.name = "HorizontalPodAutoscaler", w.Name
	}
	return o
}

// fieldOf says where in the object the value of a wish stands. ok is false for wishes that are about no value of an object.
func fieldOf(w engine.Wish) (f field, ok bool) {
	switch w.Kind {
	case engine.WishRequest:
		return containerField(w, true, "resources", "requests", w.Field), true
	case engine.WishLimit:
		return containerField(w, true, "resources", "limits", w.Field), true
	case engine.WishImage:
		return containerField(w, false, "image"), true
	case engine.WishProbe:
		return containerField(w, true, strings.Split(w.Field, ".")...), true
	case engine.WishTarget:
		return targetField(w), true
	case engine.WishVolume, engine.WishGroup, engine.WishRevert:
	}
	return field{}, false
}

// podOf is where an object of a kind has its pods' specification.
func podOf(kind string) []step {
	switch kind {
	case "Pod":
		return keys("spec")
	case "CronJob":
		return keys("spec", "jobTemplate", "spec", "template", "spec")
	}
	return keys("spec", "template", "spec")
}

func containerField(w engine.Wish, inserted bool, names ...string) field {
	var f field
	for _, list := range []string{"containers", "initContainers"} {
		way := append(podOf(w.Target.Kind), step{key: list}, step{key: "name", is: w.Target.Container})
		if inserted && f.keep == 0 {
			f.keep = len(way)
			if w.Kind == engine.WishProbe {
				f.keep++ // a probe is not made of one number
			}
		}
		f.ways = append(f.ways, append(way, keys(names...)...))
	}
	return f
}

func targetField(w engine.Wish) field {
	metric := func(kind, key string) []step {
		return append(keys("spec", "metrics"), step{key: kind + "." + key, is: w.Field}, step{key: kind}, step{key: "target"}, step{key: "averageUtilization"})
	}
	f := field{ways: [][]step{metric("resource", "name"), metric("containerResource", "name")}}
	if w.Field == string(engine.CPU) {
		f.ways = append(f.ways, keys("spec", "targetCPUUtilizationPercentage"))
	}
	return f
}
