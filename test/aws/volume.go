package aws

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	mostPending = 5                // snapshots of one volume in progress, as of gp3
	mostTags    = 50               // of one resource
	snapshotGap = 15 * time.Second // between snapshots of one volume
)

// dry is how EC2 answers a dry run that would have worked.
func dry(c *call) *refusal {
	if c.form.Get("DryRun") != "true" {
		return nil
	}
	return refuse(http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
}

// state is that of a snapshot at a time.
func (x Snapshot) state(now time.Time) string {
	if x.State == "" && now.Before(x.Ready) {
		return "pending"
	}
	return cmp.Or(x.State, "completed")
}

// progress is that of a snapshot at a time.
func (x Snapshot) progress(now time.Time) string {
	whole := x.Ready.Sub(x.Started)
	if x.state(now) != "pending" || whole <= 0 {
		return "100%"
	}
	return fmt.Sprintf("%d%%", min(99, max(0, 100*now.Sub(x.Started)/whole)))
}

// volumeOf finds the volume of a request in the caller's account and region; one that was deleted is gone after a while.
func (s *Server) volumeOf(c *call) (*Volume, *refusal) {
	s.reap()
	id := c.form.Get("VolumeId")
	if id == "" {
		return nil, refuse(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter VolumeId")
	}
	if !strings.HasPrefix(id, "vol-") {
		return nil, refuse(http.StatusBadRequest, "InvalidParameterValue", "Value (%s) for parameter volumeId is invalid. Expected: 'vol-...'.", id)
	}
	at := slices.IndexFunc(s.world.Volumes, func(v Volume) bool { return v.ID == id && v.Account == c.who.Account && v.Region == c.region })
	if at < 0 {
		return nil, refuse(http.StatusBadRequest, "InvalidVolume.NotFound", "The volume '%s' does not exist.", id)
	}
	return &s.world.Volumes[at], nil
}

// reap takes away the volumes whose deletion is over.
func (s *Server) reap() {
	s.world.Volumes = slices.DeleteFunc(s.world.Volumes, func(v Volume) bool { return !v.Gone.IsZero() && !s.cfg.Now().Before(v.Gone) })
}

// specified gives the tags that a request wants on what it makes.
func (c *call) specified(kind string) (map[string]string, *refusal) {
	tags := map[string]string{}
	for n := 1; ; n++ {
		prefix := "TagSpecification." + strconv.Itoa(n)
		of := c.form.Get(prefix + ".ResourceType")
		if of == "" {
			return tags, nil
		}
		if of != kind {
			return nil, refuse(http.StatusBadRequest, "InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", of)
		}
		more, problem := c.tags(prefix + ".Tag")
		if problem != nil {
			return nil, problem
		}
		maps.Copy(tags, more)
	}
}

// tags reads Tag.1.Key, Tag.1.Value and so on.
func (c *call) tags(name string) (map[string]string, *refusal) {
	tags := map[string]string{}
	for n := 1; ; n++ {
		key := c.form.Get(fmt.Sprintf("%s.%d.Key", name, n))
		switch {
		case key == "" && len(tags) > mostTags:
			return nil, refuse(http.StatusBadRequest, "TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
		case key == "":
			return tags, nil
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, refuse(http.StatusBadRequest, "InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
		case len(key) > 128:
			return nil, refuse(http.StatusBadRequest, "InvalidParameterValue", "Tag key exceeds the maximum length of 128 characters")
		}
		tags[key] = c.form.Get(fmt.Sprintf("%s.%d.Value", name, n))
	}
}

// createSnapshot makes a snapshot that is complete after a while. Asked again it makes another: EC2 has no token for it.
func createSnapshot(s *Server, c *call) (any, *refusal) {
	v, problem := s.volumeOf(c)
	if problem != nil {
		return nil, problem
	}
	tags, problem := c.specified("snapshot")
	if problem != nil {
		return nil, problem
	}
	if len(tags) > 0 && c.who.May != nil && !slices.Contains(c.who.May, "ec2:CreateTags") {
		return nil, c.proto.denied(&call{service: c.service, action: "CreateTags", who: c.who})
	}
	if problem := dry(c); problem != nil {
		return nil, problem
	}
	if state := v.state(); state != "available" && state != "in-use" {
		return nil, refuse(http.StatusBadRequest, "IncorrectState", "The volume '%s' is '%s'", v.ID, state)
	}
	now, pending := s.cfg.Now(), 0
	for _, x := range s.world.Snapshots {
		if x.VolumeID != v.ID {
			continue
		}
		if x.Made && now.Sub(x.Started) < snapshotGap {
			return nil, refuse(http.StatusBadRequest, "SnapshotCreationPerVolumeRateExceeded", "The maximum per volume CreateSnapshot request rate has been exceeded. Use an increasing or variable sleep interval between requests.")
		}
		if x.state(now) == "pending" {
			pending++
		}
	}
	if pending >= mostPending {
		return nil, refuse(http.StatusBadRequest, "ConcurrentSnapshotLimitExceeded", "Maximum allowed in-progress snapshots for a single volume exceeded.")
	}
	s.serial++
	made := Snapshot{
		Account: v.Account, Region: v.Region, ID: fmt.Sprintf("snap-%017x", 0xabc000+s.serial), VolumeID: v.ID, Started: now, Ready: now.Add(s.cfg.SnapshotTakes),
		GiB: v.GiB, Description: c.form.Get("Description"), Tags: tags, Made: true,
	}
	s.world.Snapshots = append(s.world.Snapshots, made)
	return struct {
		RequestID string `xml:"requestId"`
		xmlSnapshot
	}{requestID, made.xml(now)}, nil
}

func deleteVolume(s *Server, c *call) (any, *refusal) {
	v, problem := s.volumeOf(c)
	if problem == nil {
		problem = dry(c)
	}
	if problem != nil {
		return nil, problem
	}
	switch state := v.state(); {
	case len(v.Attachments) > 0:
		return nil, refuse(http.StatusBadRequest, "VolumeInUse", "Volume %s is currently attached to %s", v.ID, v.Attachments[0].Instance)
	case state != "available" && state != "error":
		return nil, refuse(http.StatusBadRequest, "IncorrectState", "The volume '%s' is '%s'", v.ID, state)
	}
	v.State, v.Gone = "deleting", s.cfg.Now().Add(s.cfg.DeletionTakes)
	s.reap()
	return done{requestID, true}, nil
}

// done is the answer of EC2 that something was done.
type done struct {
	RequestID string `xml:"requestId"`
	Return    bool   `xml:"return"`
}

// createTags sets tags of volumes and snapshots.
func createTags(s *Server, c *call) (any, *refusal) {
	s.reap()
	ids := c.members("ResourceId")
	if len(ids) == 0 {
		return nil, refuse(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter resourceIdSet")
	}
	tags, problem := c.tags("Tag")
	if problem != nil {
		return nil, problem
	}
	if len(tags) == 0 {
		return nil, refuse(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter tagSet")
	}
	var all []*map[string]string
	for _, id := range ids {
		to, problem := s.tagsOf(c, id)
		if problem != nil {
			return nil, problem
		}
		joined := maps.Clone(tags)
		maps.Copy(joined, *to)
		if len(joined) > mostTags {
			return nil, refuse(http.StatusBadRequest, "TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
		}
		all = append(all, to)
	}
	if problem := dry(c); problem != nil {
		return nil, problem
	}
	for _, to := range all {
		joined := maps.Clone(*to)
		if joined == nil {
			joined = map[string]string{}
		}
		maps.Copy(joined, tags)
		*to = joined
	}
	return done{requestID, true}, nil
}

// tagsOf finds the tags of a volume or a snapshot of the caller's.
func (s *Server) tagsOf(c *call, id string) (*map[string]string, *refusal) {
	kind, _, _ := strings.Cut(id, "-")
	switch kind {
	case "vol":
		for n, v := range s.world.Volumes {
			if v.ID == id && v.Account == c.who.Account && v.Region == c.region {
				return &s.world.Volumes[n].Tags, nil
			}
		}
		return nil, refuse(http.StatusBadRequest, "InvalidVolume.NotFound", "The volume '%s' does not exist.", id)
	case "snap":
		for n, x := range s.world.Snapshots {
			if x.ID == id && x.Account == c.who.Account && x.Region == c.region {
				return &s.world.Snapshots[n].Tags, nil
			}
		}
		return nil, refuse(http.StatusBadRequest, "InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
	}
	return nil, refuse(http.StatusBadRequest, "InvalidID", "The ID '%s' is not valid", id)
}
