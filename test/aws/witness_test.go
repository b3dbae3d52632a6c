package aws_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/aws"
)

var t0 = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const account, region = "123456789012", "eu-central-1"

func world() aws.World {
	w := aws.World{
		Instances: []aws.Instance{
			{Account: account, Region: region, ID: "i-1", Type: "m5.large", Zone: "eu-central-1a", PrivateDNS: "ip-10-0-0-1.ec2.internal", Launched: t0, Tags: map[string]string{"Name": "a", "eks:nodegroup-name": "workers"}},
			{Account: account, Region: region, ID: "i-2", Type: "c5.large", Zone: "eu-central-1b", Spot: true, State: "stopped", Launched: t0},
			{Account: account, Region: "us-east-1", ID: "i-3", Type: "c5.large", Zone: "us-east-1a", Launched: t0},
			{Account: "999999999999", Region: region, ID: "i-4", Type: "c5.large", Zone: "eu-central-1b", Launched: t0},
		},
		Snapshots:  []aws.Snapshot{{Account: account, Region: region, ID: "snap-1", VolumeID: "vol-01", Started: t0, GiB: 10}},
		Groups:     []aws.AutoScalingGroup{{Account: account, Region: region, Name: "eks-workers", Min: 1, Max: 5, Desired: 2, Zones: []string{"eu-central-1a"}, Instances: []string{"i-1"}, Protected: []string{"i-1"}, Suspended: []string{"AZRebalance"}, Created: t0, Tags: map[string]string{"k8s.io/cluster-autoscaler/enabled": "true"}}},
		Clusters:   []aws.Cluster{{Account: account, Region: region, Name: "prod", Version: "1.37", Endpoint: "https://x", CA: "QQ==", Nodegroups: []aws.Nodegroup{{Name: "workers", Min: 1, Max: 5, Desired: 2, Types: []string{"m5.large"}, Autoscaling: "eks-workers", Created: t0, Tags: map[string]string{"team": "a"}}, {Name: "spot", Spot: true}}}},
		SpotPrices: []aws.SpotPrice{{Region: region, Zone: "eu-central-1a", Type: "m5.large", USD: "0.0400", At: t0}, {Region: region, Zone: "eu-central-1a", Type: "m5.large", USD: "0.0300", At: t0.Add(-48 * time.Hour)}},
		Products:   []aws.Product{{Service: "AmazonEC2", SKU: "S1", Family: "Compute Instance", Attributes: map[string]string{"instanceType": "m5.large", "regionCode": region}, Unit: "Hrs", USD: "0.1150000000"}},
		Costs: []aws.CostLine{
			{Day: "2026-11-18", Account: account, Region: region, Service: "Amazon Elastic Compute Cloud - Compute", UsageType: "EUC1-BoxUsage:m5.large", Quantity: 24, Unblended: 2.76, Amortized: 1.9},
			{Day: "2026-11-19", Account: account, Region: region, Service: "Amazon Elastic Compute Cloud - Compute", UsageType: "EUC1-BoxUsage:m5.large", Quantity: 24, Unblended: 2.76, Amortized: 1.9},
			{Day: "2026-11-19", Account: account, Region: region, Service: "Amazon_EKS", UsageType: "EUC1-AmazonEKS-Hours:perCluster", Quantity: 24, Unblended: 2.4, Amortized: 2.4, Estimated: true},
		},
		Coverage: []aws.Coverage{{Day: "2026-11-19", Account: account, Region: region, Family: "m5", Covered: 3, OnDemand: 1}},
		Tables:   map[string]aws.Table{"split_cost": {Columns: []string{"namespace", "cost"}, Rows: [][]string{{"shop", "1.25"}, {"payments", "2.5"}}}},
	}
	for n := range 7 {
		v := aws.Volume{Account: account, Region: region, ID: "vol-0" + string(rune('1'+n)), Type: "gp3", Zone: "eu-central-1a", GiB: int64(10 + n), IOPS: 3000, Throughput: 125, Created: t0, Tags: map[string]string{"n": string(rune('1' + n))}}
		if n == 0 {
			v.Attachments = []aws.Attachment{{Instance: "i-1", At: t0}}
		}
		w.Volumes = append(w.Volumes, v)
	}
	return w
}

func start(t *testing.T, cfg aws.Config) *aws.Server {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return t0 }
	}
	s := aws.New(cfg)
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// cli is the real AWS CLI, as Debian ships it, against the stand-in.
type cli struct {
	t   *testing.T
	s   *aws.Server
	id  aws.Identity
	in  *json.Encoder
	out *json.Decoder
}

func newCLI(t *testing.T, s *aws.Server) cli {
	t.Helper()
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", filepath.Join("testdata", "cli.py"))
	cmd.Env = []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "AWS_DEFAULT_REGION=" + region, "AWS_CONFIG_FILE=" + filepath.Join(home, "none"),
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=4", "AWS_RETRY_MODE=standard", "LC_ALL=C.UTF-8",
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return cli{t, s, aws.DefaultIdentity, json.NewEncoder(in), json.NewDecoder(out)}
}

// run gives what a command prints, and its exit code.
func (c cli) run(args ...string) (out, errs string, code int) {
	c.t.Helper()
	command := map[string]any{
		"args": append([]string{"--endpoint-url", c.s.URL(), "--output", "json", "--no-cli-pager"}, args...),
		"env":  map[string]string{"AWS_ACCESS_KEY_ID": c.id.AccessKey, "AWS_SECRET_ACCESS_KEY": c.id.Secret},
	}
	if err := c.in.Encode(command); err != nil {
		c.t.Fatal(err)
	}
	var answer struct {
		Code     int
		Out, Err string
	}
	if err := c.out.Decode(&answer); err != nil {
		c.t.Fatal(err)
	}
	return answer.Out, answer.Err, answer.Code
}

// query runs a command and gives what a JMESPath makes of its answer, as compact JSON.
func (c cli) query(path string, args ...string) string {
	c.t.Helper()
	out, errs, code := c.run(append(args, "--query", path)...)
	if code != 0 {
		c.t.Errorf("aws %s: exit %d %s", strings.Join(args, " "), code, errs)
		return ""
	}
	var v any
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		c.t.Errorf("aws %s: %v in %s", strings.Join(args, " "), err, out)
	}
	data, err := json.Marshal(v)
	if err != nil {
		c.t.Error(err)
	}
	return string(data)
}

// TestCLI lets the AWS CLI read every answer: it knows the shapes from AWS's own models.
func TestCLI(t *testing.T) {
	s := start(t, aws.Config{World: world()})
	c := newCLI(t, s)
	for _, q := range []struct{ want, path, args string }{
		{`["123456789012","arn:aws:iam::123456789012:user/autopilot"]`, "[Account,Arn]", "sts get-caller-identity"},
		{`[["i-1","m5.large","eu-central-1a","running",null],["i-2","c5.large","eu-central-1b","stopped","spot"]]`, "Reservations[].Instances[].[InstanceId,InstanceType,Placement.AvailabilityZone,State.Name,InstanceLifecycle]", "ec2 describe-instances"},
		{`["i-1"]`, "Reservations[].Instances[].InstanceId", "ec2 describe-instances --filters Name=instance-state-name,Values=running,pending Name=tag:eks:nodegroup-name,Values=work*"},
		{`7`, "length(Volumes)", "ec2 describe-volumes --page-size 5"},
		{`[["vol-01","in-use","i-1","attached",3000,125]]`, "Volumes[].[VolumeId,State,Attachments[0].InstanceId,Attachments[0].State,Iops,Throughput]", "ec2 describe-volumes --volume-ids vol-01"},
		{`6`, "length(Volumes)", "ec2 describe-volumes --filters Name=status,Values=available"},
		{`[["snap-1","vol-01","completed",10]]`, "Snapshots[].[SnapshotId,VolumeId,State,VolumeSize]", "ec2 describe-snapshots --owner-ids self"},
		{`[["0.0400","2026-11-20T12:00:00+00:00"]]`, "SpotPriceHistory[].[SpotPrice,Timestamp]", "ec2 describe-spot-price-history --instance-types m5.large --product-descriptions Linux/UNIX --start-time 2026-11-20T12:00:00Z --end-time 2026-11-20T12:30:00Z"},
		{`[["eks-workers",1,5,2,"i-1",true,"AZRebalance","k8s.io/cluster-autoscaler/enabled"]]`, "AutoScalingGroups[].[AutoScalingGroupName,MinSize,MaxSize,DesiredCapacity,Instances[0].InstanceId,Instances[0].ProtectedFromScaleIn,SuspendedProcesses[0].ProcessName,Tags[0].Key]", "autoscaling describe-auto-scaling-groups"},
		{`["prod"]`, "clusters", "eks list-clusters"},
		{`["1.37","https://x"]`, "cluster.[version,endpoint]", "eks describe-cluster --name prod"},
		{`["workers","spot"]`, "nodegroups", "eks list-nodegroups --cluster-name prod"},
		{`[1,5,"ON_DEMAND","eks-workers"]`, "nodegroup.[scalingConfig.minSize,scalingConfig.maxSize,capacityType,resources.autoScalingGroups[0].name]", "eks describe-nodegroup --cluster-name prod --nodegroup-name workers"},
		{`[["2026-11-18","1.9000000000"],["2026-11-19","4.3000000000"]]`, "ResultsByTime[].[TimePeriod.Start,Total.AmortizedCost.Amount]", "ce get-cost-and-usage --time-period Start=2026-11-18,End=2026-11-20 --granularity DAILY --metrics AmortizedCost"},
		{`[["EUC1-BoxUsage:m5.large","48.0000000000"]]`, "ResultsByTime[].Groups[].[Keys[0],Metrics.UsageQuantity.Amount]", `ce get-cost-and-usage --time-period Start=2026-11-01,End=2026-11-20 --granularity MONTHLY --metrics UsageQuantity --group-by Type=DIMENSION,Key=USAGE_TYPE --filter {"And":[{"Dimensions":{"Key":"LINKED_ACCOUNT","Values":["123456789012"]}},{"Not":{"Dimensions":{"Key":"SERVICE","Values":["Amazon_EKS"]}}}]}`},
		{`["75.000000"]`, "SavingsPlansCoverages[].Coverage.CoveragePercentage", "ce get-savings-plans-coverage --time-period Start=2026-11-19,End=2026-11-20"},
	} {
		t.Run(q.args, func(t *testing.T) {
			c := c
			c.t = t
			if got := c.query(q.path, strings.Fields(q.args)...); got != q.want {
				t.Errorf("got  %s\nwant %s", got, q.want)
			}
		})
	}
	out := c.query("PriceList[0]", "pricing", "get-products", "--region", "us-east-1", "--service-code", "AmazonEC2", "--filters", "Type=TERM_MATCH,Field=instanceType,Value=m5.large")
	if !strings.Contains(out, `\"USD\":\"0.1150000000\"`) {
		t.Errorf("the price list says %s", out)
	}
}

// TestCLIAthena runs a query to its end, as its states go by.
func TestCLIAthena(t *testing.T) {
	c := newCLI(t, start(t, aws.Config{World: world()}))
	id := strings.Trim(c.query("QueryExecutionId", "athena", "start-query-execution", "--query-string", "select * from split_cost"), `"`)
	for _, want := range []string{`"QUEUED"`, `"RUNNING"`, `"SUCCEEDED"`} {
		if got := c.query("QueryExecution.Status.State", "athena", "get-query-execution", "--query-execution-id", id); got != want {
			t.Errorf("state %s, want %s", got, want)
		}
	}
	got := c.query("ResultSet.Rows[].Data[].VarCharValue", "athena", "get-query-results", "--query-execution-id", id)
	if want := `["namespace","cost","shop","1.25","payments","2.5"]`; got != want {
		t.Errorf("rows %s, want %s", got, want)
	}
}

// TestCLIErrors sees the errors as the AWS CLI words them.
func TestCLIErrors(t *testing.T) {
	s := start(t, aws.Config{World: world()})
	c := newCLI(t, s)
	for _, q := range []struct {
		name, args, want string
		fault            *aws.Fault
		as               *aws.Identity
	}{
		{name: "no such volume", args: "ec2 describe-volumes --volume-ids vol-99", want: "(InvalidVolume.NotFound)"},
		{name: "no such filter", args: "ec2 describe-volumes --filters Name=colour,Values=red", want: "The filter 'colour' is invalid"},
		{name: "page too small", args: "ec2 describe-volumes --max-results 4", want: "(InvalidParameterValue)"},
		{name: "no such cluster", args: "eks describe-cluster --name none", want: "(ResourceNotFoundException)"},
		{name: "too far back", args: "ce get-cost-and-usage --time-period Start=2024-01-01,End=2024-02-01 --granularity DAILY --metrics AmortizedCost", want: "beyond 14 months"},
		{name: "three groups", args: "ce get-cost-and-usage --time-period Start=2026-11-01,End=2026-11-02 --granularity DAILY --metrics AmortizedCost --group-by Type=DIMENSION,Key=SERVICE Type=DIMENSION,Key=REGION Type=DIMENSION,Key=USAGE_TYPE", want: "(ValidationException)"},
		{name: "price list elsewhere", args: "pricing get-products --service-code AmazonEC2 --region eu-west-1", want: "not served"},
		{name: "role", args: "sts assume-role --role-arn arn:aws:iam::1:role/x --role-session-name bot", want: "(AccessDenied)"},
		{name: "denied", args: "ec2 describe-volumes", want: "(UnauthorizedOperation)", fault: &aws.Fault{Kind: aws.Deny, Service: "ec2", Count: 1}},
		{name: "denied JSON", args: "eks list-clusters", want: "(AccessDeniedException)", fault: &aws.Fault{Kind: aws.Deny, Count: 1}},
		{name: "throttled for long", args: "ec2 describe-volumes", want: "(RequestLimitExceeded)", fault: &aws.Fault{Kind: aws.Throttle, Count: 4}},
		{name: "wrong secret", args: "ec2 describe-volumes", want: "SignatureDoesNotMatch", as: &aws.Identity{AccessKey: aws.DefaultIdentity.AccessKey, Secret: "wrong"}},
		{name: "unknown key", args: "ec2 describe-volumes", want: "(AuthFailure)", as: &aws.Identity{AccessKey: "AKIDNOBODY", Secret: "x"}},
	} {
		t.Run(q.name, func(t *testing.T) {
			c := c
			if q.fault != nil {
				s.Fault(*q.fault)
			}
			if q.as != nil {
				c.id = *q.as
			}
			out, errs, code := c.run(strings.Fields(q.args)...)
			if code == 0 || !strings.Contains(errs, q.want) {
				t.Errorf("got %q %q, exit %d, want an error with %q", out, errs, code, q.want)
			}
		})
	}
	s.Fault(aws.Fault{Kind: aws.Throttle, Service: "ec2", Count: 2})
	if got := c.query("length(Volumes)", "ec2", "describe-volumes"); got != "7" {
		t.Errorf("after two refusals for haste: %s", got)
	}
}

// TestCLIRole assumes a role of another account and acts in it.
func TestCLIRole(t *testing.T) {
	const arn = "arn:aws:iam::999999999999:role/reader"
	s := start(t, aws.Config{World: world(), Roles: map[string]aws.Role{arn: {Account: "999999999999", ExternalID: "e1"}}})
	c := newCLI(t, s)
	key := strings.Split(strings.Trim(c.query("join(' ', [Credentials.AccessKeyId, Credentials.SecretAccessKey])", "sts", "assume-role", "--role-arn", arn, "--role-session-name", "bot", "--external-id", "e1"), `"`), " ")
	if len(key) != 2 {
		t.Fatalf("credentials %q", key)
	}
	c.id = aws.Identity{AccessKey: key[0], Secret: key[1]}
	if got := c.query("Reservations[].Instances[].InstanceId", "ec2", "describe-instances"); got != `["i-4"]` {
		t.Errorf("in the other account: %s", got)
	}
}

// TestCLIPages follows the tokens of a stand-in that gives two items a page, and is refused with a made-up one.
func TestCLIPages(t *testing.T) {
	s := start(t, aws.Config{World: world(), Page: 2})
	c := newCLI(t, s)
	if got := c.query("length(Volumes)", "ec2", "describe-volumes"); got != "7" {
		t.Errorf("volumes over pages: %s", got)
	}
	if n := s.Count("ec2", "DescribeVolumes"); n != 4 {
		t.Errorf("%d calls for seven volumes in pages of two, want 4", n)
	}
	usage := []string{"ce", "get-cost-and-usage", "--time-period", "Start=2026-11-18,End=2026-11-20", "--granularity", "DAILY", "--metrics", "AmortizedCost", "--group-by", "Type=DIMENSION,Key=SERVICE"}
	token := strings.Trim(c.query("NextPageToken", usage...), `"`)
	if got := c.query("ResultsByTime[].Groups[].Keys[0]", append(usage, "--next-page-token", token)...); got != `["Amazon_EKS"]` {
		t.Errorf("the second page of costs: %s", got)
	}
	if _, errs, _ := c.run(append(usage, "--next-page-token", "made-up")...); !strings.Contains(errs, "(InvalidNextTokenException)") {
		t.Errorf("a made-up token: %s", errs)
	}
}

// TestFaults breaks an answer off, and gives none at all.
func TestFaults(t *testing.T) {
	s := start(t, aws.Config{World: world()})
	c := newCLI(t, s)
	s.Fault(aws.Fault{Kind: aws.Malformed, Service: "ec2", Count: 1})
	if out, errs, code := c.run("ec2", "describe-volumes"); code == 0 {
		t.Errorf("half an answer was taken: %s %s", out, errs)
	}
	s.Fault(aws.Fault{Kind: aws.Hang, Service: "eks"})
	if _, errs, code := c.run("eks", "list-clusters", "--cli-read-timeout", "1"); code == 0 || !strings.Contains(errs, "timeout") {
		t.Errorf("no answer: exit %d, %s", code, errs)
	}
	s.ClearFaults()
	if got := c.query("clusters", "eks", "list-clusters"); got != `["prod"]` {
		t.Errorf("after the fault: %s", got)
	}
}
