package aws

import (
	"cmp"
	"slices"
)

type xmlGroup struct {
	Name      string   `xml:"AutoScalingGroupName"`
	ARN       string   `xml:"AutoScalingGroupARN"`
	Min       int      `xml:"MinSize"`
	Max       int      `xml:"MaxSize"`
	Desired   int      `xml:"DesiredCapacity"`
	Cooldown  int      `xml:"DefaultCooldown"`
	Zones     []string `xml:"AvailabilityZones>member"`
	Health    string   `xml:"HealthCheckType"`
	Created   string   `xml:"CreatedTime"`
	Instances struct {
		Items []xmlGroupInstance `xml:"member"`
	} `xml:"Instances"`
	Suspended struct {
		Items []xmlProcess `xml:"member"`
	} `xml:"SuspendedProcesses"`
	Tags struct {
		Items []xmlGroupTag `xml:"member"`
	} `xml:"Tags"`
}

type xmlGroupInstance struct {
	ID        string `xml:"InstanceId"`
	Type      string `xml:"InstanceType"`
	Zone      string `xml:"AvailabilityZone"`
	Lifecycle string `xml:"LifecycleState"`
	Health    string `xml:"HealthStatus"`
	Protected bool   `xml:"ProtectedFromScaleIn"`
}

type xmlProcess struct {
	Name   string `xml:"ProcessName"`
	Reason string `xml:"SuspensionReason"`
}

type xmlGroupTag struct {
	Key       string
	Value     string
	Resource  string `xml:"ResourceId"`
	Type      string `xml:"ResourceType"`
	Propagate bool   `xml:"PropagateAtLaunch"`
}

func describeAutoScalingGroups(s *Server, c *call) (any, *refusal) {
	most, problem := c.number("MaxRecords", 1, 100)
	if problem != nil {
		return nil, problem
	}
	names := c.members("AutoScalingGroupNames")
	var mine []AutoScalingGroup
	for _, g := range s.world.Groups {
		if g.Account == c.who.Account && g.Region == c.region && (len(names) == 0 || slices.Contains(names, g.Name)) {
			mine = append(mine, g)
		}
	}
	items, next, problem := page(s, mine, c.form.Get("NextToken"), cmp.Or(most, 50), 100)
	if problem != nil {
		return nil, problem
	}
	var out struct {
		Groups struct {
			Items []xmlGroup `xml:"member"`
		} `xml:"AutoScalingGroups"`
		Next string `xml:"NextToken,omitempty"`
	}
	out.Next = next
	for _, g := range items {
		out.Groups.Items = append(out.Groups.Items, s.xmlGroup(g))
	}
	return out, nil
}

func (s *Server) xmlGroup(g AutoScalingGroup) xmlGroup {
	x := xmlGroup{
		Name: g.Name, ARN: "arn:aws:autoscaling:" + g.Region + ":" + g.Account + ":autoScalingGroup:stand:autoScalingGroupName/" + g.Name,
		Min: g.Min, Max: g.Max, Desired: g.Desired, Cooldown: 300, Zones: g.Zones, Health: "EC2", Created: stamp(g.Created),
	}
	for _, id := range g.Instances {
		at := slices.IndexFunc(s.world.Instances, func(i Instance) bool { return i.ID == id })
		if at < 0 {
			continue
		}
		i := s.world.Instances[at]
		x.Instances.Items = append(x.Instances.Items, xmlGroupInstance{id, i.Type, i.Zone, "InService", "Healthy", slices.Contains(g.Protected, id)})
	}
	for _, p := range g.Suspended {
		x.Suspended.Items = append(x.Suspended.Items, xmlProcess{p, "User suspended at " + stamp(g.Created)})
	}
	for _, k := range sortedKeys(g.Tags) {
		x.Tags.Items = append(x.Tags.Items, xmlGroupTag{k, g.Tags[k], g.Name, "auto-scaling-group", true})
	}
	return x
}
