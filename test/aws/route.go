package aws

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// action answers one call. The server's lock is held.
type action = func(*Server, *call) (any, *refusal)

// queryActions answer forms, by service.
var queryActions = map[string]map[string]action{
	"ec2": {
		"DescribeInstances": describeInstances, "DescribeVolumes": describeVolumes, "DescribeSnapshots": describeSnapshots,
		"DescribeSpotPriceHistory": describeSpotPriceHistory,
		"CreateSnapshot":           createSnapshot, "DeleteVolume": deleteVolume, "CreateTags": createTags,
	},
	"autoscaling": {"DescribeAutoScalingGroups": describeAutoScalingGroups},
	"sts":         {"GetCallerIdentity": getCallerIdentity, "AssumeRole": assumeRole},
}

// targets answer JSON, by what the header X-Amz-Target begins with.
var targets = map[string]struct {
	service string
	actions map[string]action
}{
	"AWSInsightsIndexService": {"ce", map[string]action{
		"GetCostAndUsage": getCostAndUsage, "GetSavingsPlansCoverage": getSavingsPlansCoverage, "GetReservationCoverage": getReservationCoverage,
	}},
	"AWSPriceListService": {"pricing", map[string]action{"GetProducts": getProducts}},
	"AmazonAthena": {"athena", map[string]action{
		"StartQueryExecution": startQuery, "GetQueryExecution": getQuery, "GetQueryResults": getQueryResults,
	}},
}

// understand finds out which service and action a request means, and who asks.
func (s *Server) understand(r *http.Request, body []byte) (*call, *refusal) {
	c := &call{proto: awsQuery, body: body, form: url.Values{}}
	who, sc, problem := s.signed(r, body)
	c.service, c.region, c.who = sc.service, sc.region, who
	target, operation, isTarget := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case isTarget:
		c.proto, c.action = jsonRPC, operation
		c.service, c.do = targets[target].service, targets[target].actions[operation]
		if !json.Valid(body) {
			problem = refuse(http.StatusBadRequest, "SerializationException", "The request is no JSON.")
		}
	case sc.service == "eks":
		c.proto, c.form = restJSON, r.URL.Query()
		for part := range strings.SplitSeq(strings.Trim(r.URL.Path, "/"), "/") {
			c.path = append(c.path, part)
		}
		c.action, c.do = eksAction(r.Method, c.path)
	case sc.service == "fis":
		c.proto, c.form = restJSON, r.URL.Query()
		c.path = strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		c.fisAction(r.Method)
	case sc.service == "ses":
		c.proto, c.form = restJSON, r.URL.Query()
		c.sesAction(r.Method, r.URL.Path)
	case sc.service == "bedrock":
		c.proto = restJSON
		c.bedrockAction(r)
	case sc.service == "s3":
		c.proto, c.form = restXML, r.URL.Query()
		c.s3Action(r)
	default:
		if sc.service == "ec2" {
			c.proto = ec2Query
		}
		form, err := url.ParseQuery(string(body))
		if err != nil || r.Method != http.MethodPost {
			return c, refuse(http.StatusBadRequest, "MalformedQueryString", "The query string contains a syntax error")
		}
		c.form, c.action = form, form.Get("Action")
		c.do = queryActions[sc.service][c.action]
	}
	if problem != nil {
		return c, problem
	}
	if c.do == nil {
		return c, refuse(http.StatusBadRequest, "InvalidAction", "The action %s is not valid for this web service.", c.action)
	}
	if !c.allowed() {
		return c, c.proto.denied(c)
	}
	return c, nil
}

// allowed tells whether who asks has every permission that the call needs.
func (c *call) allowed() bool {
	if c.who.May == nil || c.action == "GetCallerIdentity" {
		return true
	}
	needs := c.needs
	if needs == nil {
		needs = []string{c.service + ":" + c.action}
	}
	return !slices.ContainsFunc(needs, func(p string) bool { return !slices.Contains(c.who.May, p) })
}

// decode reads the body of a JSON call into v. A field that AWS does not know is refused, as its own validation does.
func (c *call) decode(v any) *refusal {
	d := json.NewDecoder(strings.NewReader(string(c.body)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return refuse(http.StatusBadRequest, "ValidationException", "%s", err.Error())
	}
	return nil
}
