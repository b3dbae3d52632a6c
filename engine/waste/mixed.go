package waste

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// mixedFamilies gives the families of instances of which a cluster runs some with Linux and some with Windows. What an account really
// pays is known of a family as a share of its list price; Savings Plans cover the instance and not the licence of Windows in the
// same way, so that one share of both is too high for the one and too low for the other.
func mixedFamilies(c *Cluster) map[string]bool {
	systems, mixed := map[string]string{}, map[string]bool{}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		family, system := n.family(), n.system()
		if family == "" {
			continue
		}
		if before := systems[family]; before != "" && before != system {
			mixed[family] = true
		}
		systems[family] = system
	}
	return mixed
}

// system is what a node runs: "windows", or "linux", which it also is where no label says.
func (n *Node) system() string {
	return cmp.Or(n.Labels[corev1.LabelOSStable], n.Labels["beta.kubernetes.io/os"], string(corev1.Linux))
}

// family is that of a node's instance type by its labels: "m7i" of "m7i.xlarge"; "" when they name none.
func (n *Node) family() string {
	family, _, _ := strings.Cut(cmp.Or(n.Labels[corev1.LabelInstanceTypeStable], n.Labels[corev1.LabelInstanceType]), ".")
	return family
}

// blurred tells whether a node's price is what is really paid for Linux and Windows together.
func (n *Node) blurred(mixed map[string]bool) bool {
	return n.Price.Basis.Source == engine.PriceEffective && mixed[n.family()]
}

func mixedCaveat(family string) string {
	return fmt.Sprintf("What is paid of the list price is known of %s as a whole, and it runs both Linux and Windows here: the price may be off for either.", family)
}
