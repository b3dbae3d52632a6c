package aws_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/aws"
)

// clock is moved by the test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// TestCLIRemovesAVolume takes a snapshot with a tag, waits for it, and deletes the volume, as the commands of a plan do.
func TestCLIRemovesAVolume(t *testing.T) {
	at := &clock{at: t0}
	s := start(t, aws.Config{World: world(), Now: at.now, SnapshotTakes: time.Hour, DeletionTakes: time.Minute})
	c := newCLI(t, s)
	made := c.query("[VolumeId,State,VolumeSize,Tags[0].Key,Tags[0].Value,Description]", "ec2", "create-snapshot", "--volume-id", "vol-02", "--description", "the last",
		"--tag-specifications", "ResourceType=snapshot,Tags=[{Key=autopilot:proposal,Value=7}]")
	if want := `["vol-02","pending",11,"autopilot:proposal","7","the last"]`; made != want {
		t.Fatalf("made %s, want %s", made, want)
	}
	mine := []string{"ec2", "describe-snapshots", "--owner-ids", "self", "--filters", "Name=tag:autopilot:proposal,Values=7", "Name=volume-id,Values=vol-02"}
	for _, want := range []string{`[["pending","0%"]]`, `[["pending","50%"]]`, `[["completed","100%"]]`} {
		if got := c.query("Snapshots[].[State,Progress]", mine...); got != want {
			t.Errorf("the snapshot is %s, want %s", got, want)
		}
		at.pass(30 * time.Minute)
	}
	if out, errs, code := c.run("ec2", "delete-volume", "--volume-id", "vol-02"); code != 0 {
		t.Fatalf("exit %d: %s %s", code, out, errs)
	}
	if got := c.query("Volumes[].State", "ec2", "describe-volumes", "--volume-ids", "vol-02"); got != `["deleting"]` {
		t.Errorf("right after its deletion it is %s", got)
	}
	if _, errs, _ := c.run("ec2", "delete-volume", "--volume-id", "vol-02"); !strings.Contains(errs, "(IncorrectState)") {
		t.Errorf("deleted twice: %s", errs)
	}
	at.pass(time.Minute)
	for _, args := range []string{"describe-volumes --volume-ids vol-02", "delete-volume --volume-id vol-02", "create-snapshot --volume-id vol-02", "create-tags --resources vol-02 --tags Key=a,Value=b"} {
		if _, errs, _ := c.run(append([]string{"ec2"}, strings.Fields(args)...)...); !strings.Contains(errs, "(InvalidVolume.NotFound)") {
			t.Errorf("%s of a volume that is gone: %s", args, errs)
		}
	}
	if got := c.query("length(Snapshots)", mine...); got != "1" {
		t.Errorf("%s snapshots are left, want the one", got)
	}
}

// TestCLITags sets tags of what is there.
func TestCLITags(t *testing.T) {
	c := newCLI(t, start(t, aws.Config{World: world()}))
	if _, errs, code := c.run("ec2", "create-tags", "--resources", "vol-02", "snap-1", "--tags", "Key=keep,Value=yes", "Key=n,Value=9"); code != 0 {
		t.Fatal(errs)
	}
	if got := c.query("Volumes[].Tags[].[Key,Value]", "ec2", "describe-volumes", "--volume-ids", "vol-02"); got != `[["keep","yes"],["n","9"]]` {
		t.Errorf("the volume has %s", got)
	}
	if got := c.query("Snapshots[].Tags[].Key", "ec2", "describe-snapshots", "--snapshot-ids", "snap-1"); got != `["keep","n"]` {
		t.Errorf("the snapshot has %s", got)
	}
}

func TestCLIRemovalErrors(t *testing.T) {
	const reader = "arn:aws:iam::123456789012:role/reader"
	at := &clock{at: t0}
	w := world()
	w.Volumes = append(w.Volumes, aws.Volume{Account: account, Region: region, ID: "vol-0c", Type: "gp3", GiB: 1, State: "creating", Created: t0})
	s := start(t, aws.Config{World: w, Now: at.now, SnapshotTakes: time.Hour, Roles: map[string]aws.Role{reader: {Account: account, May: []string{"ec2:DescribeVolumes"}}}})
	c := newCLI(t, s)
	refused := func(want, args string) {
		t.Helper()
		out, errs, code := c.run(append([]string{"ec2"}, strings.Fields(args)...)...)
		if code == 0 || !strings.Contains(errs, want) {
			t.Errorf("%s: got %q %q, exit %d, want an error with %q", args, out, errs, code, want)
		}
	}
	refused("(VolumeInUse)", "delete-volume --volume-id vol-01")
	refused("(IncorrectState)", "delete-volume --volume-id vol-0c")
	refused("(IncorrectState)", "create-snapshot --volume-id vol-0c")
	refused("(DryRunOperation)", "delete-volume --volume-id vol-02 --dry-run")
	refused("(DryRunOperation)", "create-snapshot --volume-id vol-02 --dry-run")
	refused("(DryRunOperation)", "create-tags --resources vol-02 --tags Key=a,Value=b --dry-run")
	refused("(InvalidParameterValue)", "delete-volume --volume-id i-1")
	refused("(InvalidParameterValue)", "create-snapshot --volume-id vol-02 --tag-specifications ResourceType=volume,Tags=[{Key=a,Value=b}]")
	refused("reserved for internal use", "create-snapshot --volume-id vol-02 --tag-specifications ResourceType=snapshot,Tags=[{Key=aws:a,Value=b}]")
	refused("(InvalidID)", "create-tags --resources i-99 --tags Key=a,Value=b")
	refused("(InvalidSnapshot.NotFound)", "create-tags --resources snap-99 --tags Key=a,Value=b")
	s.Fault(aws.Fault{Kind: aws.Deny, Action: "DeleteVolume", Count: 1})
	refused("(UnauthorizedOperation)", "delete-volume --volume-id vol-02 --dry-run")

	if got := c.query("length(Volumes)", "ec2", "describe-volumes"); got != "8" {
		t.Errorf("%s volumes are left of 8: something was done", got)
	}
	for range 5 {
		if _, errs, code := c.run("ec2", "create-snapshot", "--volume-id", "vol-02"); code != 0 {
			t.Fatal(errs)
		}
		refused("(SnapshotCreationPerVolumeRateExceeded)", "create-snapshot --volume-id vol-02")
		at.pass(15 * time.Second)
	}
	refused("(ConcurrentSnapshotLimitExceeded)", "create-snapshot --volume-id vol-02")

	key := strings.Split(strings.Trim(c.query("join(' ', [Credentials.AccessKeyId, Credentials.SecretAccessKey])", "sts", "assume-role", "--role-arn", reader, "--role-session-name", "bot"), `"`), " ")
	c.id = aws.Identity{AccessKey: key[0], Secret: key[len(key)-1]}
	if got := c.query("length(Volumes)", "ec2", "describe-volumes"); got != "8" {
		t.Errorf("the reader sees %s", got)
	}
	refused("(UnauthorizedOperation)", "delete-volume --volume-id vol-02")
}

// TestLostAnswer does what was asked for and says half of it.
func TestLostAnswer(t *testing.T) {
	s := start(t, aws.Config{World: world()})
	c := newCLI(t, s)
	s.Fault(aws.Fault{Kind: aws.Lost, Action: "DeleteVolume", Count: 1})
	if out, errs, code := c.run("ec2", "delete-volume", "--volume-id", "vol-02"); code == 0 {
		t.Errorf("half an answer was taken: %s %s", out, errs)
	}
	if got := c.query("length(Volumes)", "ec2", "describe-volumes"); got != "6" {
		t.Errorf("%s volumes, want six: it was done", got)
	}
}
