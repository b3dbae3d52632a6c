package aws

import (
	"net/http"
	"slices"
	"strconv"
)

// eksAction finds the action of a REST call.
func eksAction(method string, path []string) (string, action) {
	switch {
	case method == http.MethodGet && len(path) == 1 && path[0] == "cluster-versions":
		return "DescribeClusterVersions", describeClusterVersions
	case method != http.MethodGet || len(path) == 0 || path[0] != "clusters":
	case len(path) == 1:
		return "ListClusters", listClusters
	case len(path) == 2:
		return "DescribeCluster", describeCluster
	case path[2] == "node-groups" && len(path) == 3:
		return "ListNodegroups", listNodegroups
	case path[2] == "node-groups" && len(path) == 4:
		return "DescribeNodegroup", describeNodegroup
	}
	return method, nil
}

func (s *Server) cluster(c *call) (Cluster, *refusal) {
	at := slices.IndexFunc(s.world.Clusters, func(k Cluster) bool {
		return k.Account == c.who.Account && k.Region == c.region && k.Name == c.path[1]
	})
	if at < 0 {
		return Cluster{}, refuse(http.StatusNotFound, "ResourceNotFoundException", "No cluster found for name: %s.", c.path[1])
	}
	return s.world.Clusters[at], nil
}

func listClusters(s *Server, c *call) (any, *refusal) {
	var names []string
	for _, k := range s.world.Clusters {
		if k.Account == c.who.Account && k.Region == c.region {
			names = append(names, k.Name)
		}
	}
	return paged(s, c, "clusters", names)
}

func listNodegroups(s *Server, c *call) (any, *refusal) {
	k, problem := s.cluster(c)
	if problem != nil {
		return nil, problem
	}
	var names []string
	for _, g := range k.Nodegroups {
		names = append(names, g.Name)
	}
	return paged(s, c, "nodegroups", names)
}

// paged is one page of names under a key.
func paged(s *Server, c *call, key string, names []string) (map[string]any, *refusal) {
	most := 100
	if text := c.form.Get("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100 {
			return nil, refuse(http.StatusBadRequest, "InvalidParameterException", "maxResults must be between 1 and 100.")
		}
		most = n
	}
	items, next, problem := page(s, names, c.form.Get("nextToken"), most, 100)
	if problem != nil {
		problem.code = "InvalidParameterException"
		return nil, problem
	}
	if items == nil {
		items = []string{}
	}
	out := map[string]any{key: items}
	if next != "" {
		out["nextToken"] = next
	}
	return out, nil
}

func describeCluster(s *Server, c *call) (any, *refusal) {
	k, problem := s.cluster(c)
	if problem != nil {
		return nil, problem
	}
	return map[string]any{"cluster": map[string]any{
		"name": k.Name, "arn": "arn:aws:eks:" + k.Region + ":" + k.Account + ":cluster/" + k.Name, "version": k.Version, "endpoint": k.Endpoint,
		"status": "ACTIVE", "certificateAuthority": map[string]string{"data": k.CA},
	}}, nil
}

// describeClusterVersions lists the versions, or those that are asked for.
func describeClusterVersions(s *Server, c *call) (any, *refusal) {
	asked, known := c.form["clusterVersions"], map[string]ClusterVersion{}
	var names []string
	for _, v := range s.world.Versions {
		known[v.Version] = v
		if len(asked) == 0 || slices.Contains(asked, v.Version) {
			names = append(names, v.Version)
		}
	}
	out, problem := paged(s, c, "clusterVersions", names)
	if problem != nil {
		return nil, problem
	}
	rows := []map[string]any{}
	for _, name := range out["clusterVersions"].([]string) {
		v := known[name]
		rows = append(rows, map[string]any{
			"clusterVersion": v.Version, "clusterType": "eks",
			"endOfStandardSupportDate": float64(v.Standard.Unix()), "endOfExtendedSupportDate": float64(v.Extended.Unix()),
		})
	}
	out["clusterVersions"] = rows
	return out, nil
}

func describeNodegroup(s *Server, c *call) (any, *refusal) {
	k, problem := s.cluster(c)
	if problem != nil {
		return nil, problem
	}
	at := slices.IndexFunc(k.Nodegroups, func(g Nodegroup) bool { return g.Name == c.path[3] })
	if at < 0 {
		return nil, refuse(http.StatusNotFound, "ResourceNotFoundException", "No node group found for name: %s.", c.path[3])
	}
	g := k.Nodegroups[at]
	capacity := "ON_DEMAND"
	if g.Spot {
		capacity = "SPOT"
	}
	return map[string]any{"nodegroup": map[string]any{
		"nodegroupName": g.Name, "clusterName": k.Name, "status": "ACTIVE", "capacityType": capacity, "instanceTypes": g.Types, "subnets": g.Subnets,
		"scalingConfig": map[string]int{"minSize": g.Min, "maxSize": g.Max, "desiredSize": g.Desired}, "labels": g.Labels, "tags": g.Tags,
		"createdAt": float64(g.Created.Unix()), "resources": map[string]any{"autoScalingGroups": []map[string]string{{"name": g.Autoscaling}}},
	}}, nil
}
