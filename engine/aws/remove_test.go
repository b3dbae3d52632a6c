package aws

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

const (
	snapshotMade = `<CreateSnapshotResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>59dbff89</requestId><snapshotId>snap-1</snapshotId>
  <volumeId>vol-1</volumeId><status>pending</status><startTime>2026-11-20T12:00:00.000Z</startTime><progress/><ownerId>123456789012</ownerId><volumeSize>30</volumeSize>
  <description>d</description><tagSet><item><key>autopilot:proposal</key><value>7</value></item></tagSet></CreateSnapshotResponse>`
	volumeDeleted = `<DeleteVolumeResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>59dbff89</requestId><return>true</return></DeleteVolumeResponse>`
)

func removerOn(t *testing.T, ops map[string]func(call) reply) (*wire, *Remover) {
	t.Helper()
	w := &wire{t: t, ops: ops, calls: map[string]int{}}
	cfg := standIn(t, w.serve)
	cfg.Backoff = time.Millisecond
	r, err := NewRemover(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w, r
}

func failure(status int, code string) reply {
	return reply{status: status, body: `<Response><Errors><Error><Code>` + code + `</Code><Message>no</Message></Error></Errors><RequestID>1</RequestID></Response>`}
}

func TestTakeSnapshot(t *testing.T) {
	var form map[string][]string
	_, r := removerOn(t, map[string]func(call) reply{"CreateSnapshot": func(c call) reply { form = c.form; return reply{body: snapshotMade} }})
	got, err := r.TakeSnapshot(t.Context(), "vol-1", 7, false)
	want := waste.VolumeSnapshot{
		ID: "snap-1", VolumeID: "vol-1", State: "pending", At: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), GiB: 30, Tags: map[string]string{engine.RemovalTag: "7"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for key, want := range map[string]string{
		"VolumeId": "vol-1", "DryRun": "false", "Description": "last of vol-1 before its deletion", "TagSpecification.1.ResourceType": "snapshot",
		"TagSpecification.1.Tag.1.Key": engine.RemovalTag, "TagSpecification.1.Tag.1.Value": "7",
	} {
		if got := strings.Join(form[key], ","); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// AWS makes a snapshot each time that it is asked: without an answer, it is not asked again. A deletion may be.
func TestASnapshotIsAskedForOnce(t *testing.T) {
	broken := always(failure(http.StatusInternalServerError, "InternalError"))
	w, r := removerOn(t, map[string]func(call) reply{"CreateSnapshot": broken, "DeleteVolume": thrice(failure(http.StatusInternalServerError, "InternalError"), volumeDeleted)})
	if _, err := r.TakeSnapshot(t.Context(), "vol-1", 7, false); engine.CodeOf(err) != engine.Unavailable || w.calls["CreateSnapshot"] != 1 {
		t.Errorf("%v, asked %d times", err, w.calls["CreateSnapshot"])
	}
	if err := r.Delete(t.Context(), "vol-1", false); err != nil || w.calls["DeleteVolume"] != 3 {
		t.Errorf("%v, asked %d times", err, w.calls["DeleteVolume"])
	}
}

func TestWhatEC2RefusesSaysWhatToDo(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		want   engine.Code
		says   string
	}{
		"VolumeInUse":                           {http.StatusBadRequest, engine.Conflict, "Something uses it"},
		"IncorrectState":                        {http.StatusBadRequest, engine.Conflict, "Something uses it"},
		"InvalidVolume.NotFound":                {http.StatusBadRequest, engine.NotFound, "does not exist"},
		"UnauthorizedOperation":                 {http.StatusForbidden, engine.Forbidden, "deploy/terraform has the policy volume-remover"},
		"SnapshotLimitExceeded":                 {http.StatusBadRequest, engine.Unavailable, "delete some, or ask AWS for more"},
		"ConcurrentSnapshotLimitExceeded":       {http.StatusBadRequest, engine.Unavailable, "it is tried again"},
		"SnapshotCreationPerVolumeRateExceeded": {http.StatusBadRequest, engine.Unavailable, "it is tried again"},
		"RequestLimitExceeded":                  {http.StatusServiceUnavailable, engine.Unavailable, "asked too much"},
		"ExpiredToken":                          {http.StatusForbidden, engine.Forbidden, "cannot be"},
		"SomethingNew":                          {http.StatusBadRequest, engine.Unavailable, "cannot be"},
	} {
		t.Run(name, func(t *testing.T) {
			no := always(failure(tc.status, name))
			_, r := removerOn(t, map[string]func(call) reply{"CreateSnapshot": no, "DeleteVolume": no})
			_, snapshot := r.TakeSnapshot(t.Context(), "vol-1", 7, false)
			for what, err := range map[string]error{"snapshot": snapshot, "deletion": r.Delete(t.Context(), "vol-1", false), "dry": r.Delete(t.Context(), "vol-1", true)} {
				if engine.CodeOf(err) != tc.want || !strings.Contains(engine.UserMessage(err, "-"), tc.says) || !strings.Contains(engine.UserMessage(err, "-"), "vol-1") {
					t.Errorf("%s: %v; want %s with %q", what, err, tc.want, tc.says)
				}
			}
		})
	}
}

func TestADryRunThatWouldWork(t *testing.T) {
	would := func(c call) reply {
		if c.form.Get("DryRun") != "true" {
			t.Errorf("%s was no dry run", c.op)
		}
		return failure(http.StatusPreconditionFailed, "DryRunOperation")
	}
	_, r := removerOn(t, map[string]func(call) reply{"CreateSnapshot": would, "DeleteVolume": would})
	if _, err := r.TakeSnapshot(t.Context(), "vol-1", 7, true); err != nil {
		t.Error(err)
	}
	if err := r.Delete(t.Context(), "vol-1", true); err != nil {
		t.Error(err)
	}
}

func TestAVolumeThatGoesIsGone(t *testing.T) {
	for state, want := range map[string]engine.Code{"available": "", "in-use": "", "deleting": engine.NotFound, "deleted": engine.NotFound} {
		_, r := removerOn(t, map[string]func(call) reply{"DescribeVolumes": always(reply{body: strings.Replace(volumes1, "in-use", state, 1)})})
		v, err := r.Volume(t.Context(), "vol-1234567890abcdef0")
		if engine.CodeOf(err) != want || err == nil && (v.GiB != 80 || v.State != state || len(v.Attachments) != 1) {
			t.Errorf("%s: %+v, %v", state, v, err)
		}
	}
	_, r := removerOn(t, map[string]func(call) reply{"DescribeVolumes": always(failure(http.StatusBadRequest, "InvalidVolume.NotFound"))})
	if _, err := r.Volume(t.Context(), "vol-1"); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("one that AWS does not know: %v", err)
	}
}

func TestSnapshotsOfAProposal(t *testing.T) {
	var asked map[string][]string
	_, r := removerOn(t, map[string]func(call) reply{"DescribeSnapshots": func(c call) reply { asked = c.form; return reply{body: snapshots1} }})
	got, err := r.Snapshots(t.Context(), "vol-1", 7)
	if err != nil || len(got) != 1 || got[0].State != "completed" || got[0].GiB != 80 {
		t.Errorf("%+v, %v", got, err)
	}
	for key, want := range map[string]string{"Owner.1": "self", "Filter.1.Name": "volume-id", "Filter.1.Value.1": "vol-1", "Filter.2.Name": "tag:" + engine.RemovalTag, "Filter.2.Value.1": "7"} {
		if got := strings.Join(asked[key], ","); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

func TestCheckRemover(t *testing.T) {
	_, r := removerOn(t, map[string]func(call) reply{"DescribeVolumes": always(reply{body: volumes1}), "DescribeSnapshots": always(failure(http.StatusForbidden, "UnauthorizedOperation"))})
	got := r.CheckRemover(t.Context(), "prod")
	if len(got) != 2 || got[0].Level != engine.CheckOK || got[1].Level != engine.CheckFail || !strings.Contains(got[0].Area, "prod") {
		t.Errorf("%+v", got)
	}
}
