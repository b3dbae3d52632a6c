package aws

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	leastPage = 5 // of EC2's MaxResults
	mostPage  = 1000
)

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// listed gives the items of the caller's account and region that are named by id, or that pass the filters, and one page of them.
func listed[T any](s *Server, c *call, items []T, ids []string, missing string, of func(T) (account, region, id string, facts, tags map[string]string)) ([]T, string, *refusal) {
	most, problem := c.number("MaxResults", leastPage, mostPage)
	if problem != nil {
		return nil, "", problem
	}
	if len(ids) > 0 && most > 0 {
		return nil, "", refuse(http.StatusBadRequest, "InvalidParameterCombination", "The parameter MaxResults cannot be used with the parameter of ids.")
	}
	filters := c.filters()
	var out []T
	seen := map[string]bool{}
	for _, item := range items {
		account, region, id, facts, tags := of(item)
		if account != c.who.Account || region != c.region || len(ids) > 0 && !slices.Contains(ids, id) {
			continue
		}
		ok, problem := matches(filters, facts, tags)
		if problem != nil {
			return nil, "", problem
		}
		if ok {
			out, seen[id] = append(out, item), true
		}
	}
	for _, id := range ids {
		if !seen[id] {
			return nil, "", refuse(http.StatusBadRequest, missing, "The id '%s' does not exist", id)
		}
	}
	whole := mostPage
	if most == 0 && s.cfg.Page == 0 {
		whole = len(out) + 1 // without MaxResults EC2 gives all
	}
	return page(s, out, c.form.Get("NextToken"), most, whole)
}

type xmlInstance struct {
	ID    string `xml:"instanceId"`
	Image string `xml:"imageId"`
	State struct {
		Code int    `xml:"code"`
		Name string `xml:"name"`
	} `xml:"instanceState"`
	DNS       string `xml:"privateDnsName"`
	Type      string `xml:"instanceType"`
	Launched  string `xml:"launchTime"`
	Zone      string `xml:"placement>availabilityZone"`
	Lifecycle string `xml:"instanceLifecycle,omitempty"`
	Platform  string `xml:"platformDetails"`
	Tags      struct {
		Items []xmlTag `xml:"item"`
	} `xml:"tagSet"`
}

type xmlReservation struct {
	ID        string        `xml:"reservationId"`
	Owner     string        `xml:"ownerId"`
	Instances []xmlInstance `xml:"instancesSet>item"`
}

var stateCodes = map[string]int{"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

func describeInstances(s *Server, c *call) (any, *refusal) {
	items, next, problem := listed(s, c, s.world.Instances, c.members("InstanceId"), "InvalidInstanceID.NotFound",
		func(i Instance) (string, string, string, map[string]string, map[string]string) {
			return i.Account, i.Region, i.ID, map[string]string{
				"instance-state-name": cmp.Or(i.State, "running"), "instance-type": i.Type, "availability-zone": i.Zone, "private-dns-name": i.PrivateDNS, "instance-id": i.ID,
			}, i.Tags
		})
	if problem != nil {
		return nil, problem
	}
	var out struct {
		RequestID    string           `xml:"requestId"`
		Reservations []xmlReservation `xml:"reservationSet>item"`
		Next         string           `xml:"nextToken,omitempty"`
	}
	out.RequestID, out.Next = requestID, next
	for _, i := range items {
		x := xmlInstance{ID: i.ID, Image: "ami-0stand", DNS: i.PrivateDNS, Type: i.Type, Launched: stamp(i.Launched), Zone: i.Zone, Platform: cmp.Or(i.Platform, "Linux/UNIX")}
		x.State.Name = cmp.Or(i.State, "running")
		x.State.Code = stateCodes[x.State.Name]
		if i.Spot {
			x.Lifecycle = "spot"
		}
		x.Tags.Items = xmlTags(i.Tags)
		out.Reservations = append(out.Reservations, xmlReservation{ID: "r-" + strings.TrimPrefix(i.ID, "i-"), Owner: i.Account, Instances: []xmlInstance{x}})
	}
	return out, nil
}

type xmlAttachment struct {
	Volume   string `xml:"volumeId"`
	Instance string `xml:"instanceId"`
	Device   string `xml:"device"`
	Status   string `xml:"status"`
	At       string `xml:"attachTime"`
}

type xmlVolume struct {
	ID          string `xml:"volumeId"`
	Size        int64  `xml:"size"`
	Snapshot    string `xml:"snapshotId"`
	Zone        string `xml:"availabilityZone"`
	Status      string `xml:"status"`
	Created     string `xml:"createTime"`
	Attachments struct {
		Items []xmlAttachment `xml:"item"`
	} `xml:"attachmentSet"`
	Tags struct {
		Items []xmlTag `xml:"item"`
	} `xml:"tagSet"`
	Type        string `xml:"volumeType"`
	IOPS        int64  `xml:"iops,omitempty"`
	Encrypted   bool   `xml:"encrypted"`
	MultiAttach bool   `xml:"multiAttachEnabled"`
	Throughput  int64  `xml:"throughput,omitempty"`
}

func (v Volume) state() string {
	if v.State != "" {
		return v.State
	}
	if len(v.Attachments) > 0 {
		return "in-use"
	}
	return "available"
}

func describeVolumes(s *Server, c *call) (any, *refusal) {
	s.reap()
	items, next, problem := listed(s, c, s.world.Volumes, c.members("VolumeId"), "InvalidVolume.NotFound",
		func(v Volume) (string, string, string, map[string]string, map[string]string) {
			return v.Account, v.Region, v.ID, map[string]string{"status": v.state(), "volume-type": v.Type, "availability-zone": v.Zone, "volume-id": v.ID}, v.Tags
		})
	if problem != nil {
		return nil, problem
	}
	var out struct {
		RequestID string      `xml:"requestId"`
		Volumes   []xmlVolume `xml:"volumeSet>item"`
		Next      string      `xml:"nextToken,omitempty"`
	}
	out.RequestID, out.Next = requestID, next
	for _, v := range items {
		x := xmlVolume{
			ID: v.ID, Size: v.GiB, Snapshot: v.SnapshotID, Zone: v.Zone, Status: v.state(), Created: stamp(v.Created), Type: v.Type,
			IOPS: v.IOPS, Encrypted: v.Encrypted, MultiAttach: v.MultiAttach, Throughput: v.Throughput,
		}
		for _, a := range v.Attachments {
			x.Attachments.Items = append(x.Attachments.Items, xmlAttachment{v.ID, a.Instance, cmp.Or(a.Device, "/dev/xvdba"), cmp.Or(a.State, "attached"), stamp(a.At)})
		}
		x.Tags.Items = xmlTags(v.Tags)
		out.Volumes = append(out.Volumes, x)
	}
	return out, nil
}

type xmlSnapshot struct {
	ID          string `xml:"snapshotId"`
	Volume      string `xml:"volumeId"`
	Status      string `xml:"status"`
	Started     string `xml:"startTime"`
	Progress    string `xml:"progress"`
	Owner       string `xml:"ownerId"`
	Size        int64  `xml:"volumeSize"`
	Description string `xml:"description"`
	Tags        struct {
		Items []xmlTag `xml:"item"`
	} `xml:"tagSet"`
}

// describeSnapshots gives the caller's own snapshots; AWS's public ones do not exist here, so the owner must be said to be self.
func describeSnapshots(s *Server, c *call) (any, *refusal) {
	for _, owner := range c.members("Owner") {
		if owner != "self" && owner != c.who.Account {
			return nil, refuse(http.StatusBadRequest, "InvalidUserID.Malformed", "Invalid user id: %q", owner)
		}
	}
	items, next, problem := listed(s, c, s.world.Snapshots, c.members("SnapshotId"), "InvalidSnapshot.NotFound",
		func(x Snapshot) (string, string, string, map[string]string, map[string]string) {
			return x.Account, x.Region, x.ID, map[string]string{"status": x.state(s.cfg.Now()), "volume-id": x.VolumeID, "owner-id": x.Account}, x.Tags
		})
	if problem != nil {
		return nil, problem
	}
	var out struct {
		RequestID string        `xml:"requestId"`
		Snapshots []xmlSnapshot `xml:"snapshotSet>item"`
		Next      string        `xml:"nextToken,omitempty"`
	}
	out.RequestID, out.Next = requestID, next
	for _, i := range items {
		out.Snapshots = append(out.Snapshots, i.xml(s.cfg.Now()))
	}
	return out, nil
}

func (x Snapshot) xml(now time.Time) xmlSnapshot {
	out := xmlSnapshot{ID: x.ID, Volume: x.VolumeID, Status: x.state(now), Started: stamp(x.Started), Progress: x.progress(now), Owner: x.Account, Size: x.GiB, Description: x.Description}
	out.Tags.Items = xmlTags(x.Tags)
	return out
}

type xmlSpot struct {
	Type    string `xml:"instanceType"`
	Product string `xml:"productDescription"`
	Price   string `xml:"spotPrice"`
	At      string `xml:"timestamp"`
	Zone    string `xml:"availabilityZone"`
}

// describeSpotPriceHistory gives the prices within the times asked for, and the last one before, newest first.
func describeSpotPriceHistory(s *Server, c *call) (any, *refusal) {
	most, problem := c.number("MaxResults", 1, mostPage)
	if problem != nil {
		return nil, problem
	}
	start, _ := time.Parse(time.RFC3339, c.form.Get("StartTime"))
	end, err := time.Parse(time.RFC3339, c.form.Get("EndTime"))
	if err != nil {
		end = s.cfg.Now()
	}
	types, products, zone := c.members("InstanceType"), c.members("ProductDescription"), c.form.Get("AvailabilityZone")
	newest := slices.Clone(s.world.SpotPrices)
	slices.SortStableFunc(newest, func(a, b SpotPrice) int { return b.At.Compare(a.At) })
	var all []xmlSpot
	before := map[string]bool{}
	for _, p := range newest {
		product := cmp.Or(p.Product, "Linux/UNIX")
		key := p.Zone + p.Type + product
		if p.Region != c.region || p.At.After(end) || zone != "" && p.Zone != zone || len(types) > 0 && !slices.Contains(types, p.Type) ||
			len(products) > 0 && !slices.Contains(products, product) || before[key] {
			continue
		}
		before[key] = !p.At.After(start)
		all = append(all, xmlSpot{p.Type, product, p.USD, stamp(p.At), p.Zone})
	}
	items, next, problem := page(s, all, c.form.Get("NextToken"), most, mostPage)
	if problem != nil {
		return nil, problem
	}
	return struct {
		RequestID string    `xml:"requestId"`
		Prices    []xmlSpot `xml:"spotPriceHistorySet>item"`
		Next      string    `xml:"nextToken"`
	}{requestID, items, next}, nil
}
