package waste

// Teams tells the team of a pod: by its own labels, then those of its namespace, then by the configuration. Of a pod that is gone
// the labels are not known. It is "" when nobody knows.
func (c *Cluster) Teams(r Rules) func(namespace, pod string) string {
	type name struct{ namespace, pod string }
	labels := make(map[name]map[string]string, len(c.Pods))
	for _, p := range c.Pods {
		labels[name{p.Namespace, p.Name}] = p.Labels
	}
	namespaces := namespacesOf(c)
	return func(namespace, pod string) string {
		return owner(c, namespaces, r, namespace, labels[name{namespace, pod}]).Team
	}
}
