package main

import (
	"cmp"
	"regexp"
	"strings"
	"time"
)

// AuditConfig is about the audit log.
type AuditConfig struct {
	Anchor *AnchorConfig `yaml:"anchor"` // nil: its head is kept in the database and in digests alone
}

// AnchorConfig says where the audit log's head is kept out of reach of who can write to the database: in S3, under Object Lock.
type AnchorConfig struct {
	Bucket     string        `yaml:"bucket"`      // with Object Lock on
	Prefix     string        `yaml:"prefix"`      // of the keys; default autopilot
	Region     string        `yaml:"region"`      // of the bucket
	Account    string        `yaml:"account"`     // that owns the bucket, twelve digits; a bucket of another is refused
	RoleARN    string        `yaml:"role_arn"`    // assumed first; empty: the process's own identity
	ExternalID string        `yaml:"external_id"` // that the role may ask for
	Mode       string        `yaml:"mode"`        // compliance (default), which nobody can lift, or governance
	Retain     time.Duration `yaml:"retain"`      // how long each is locked; default 8760h (a year)
	Every      time.Duration `yaml:"every"`       // how often; default 24h
	Endpoint   string        `yaml:"endpoint"`    // only for a VPC endpoint or a test; default AWS's own
}

const (
	modeCompliance = "compliance"
	modeGovernance = "governance"
)

func (c AuditConfig) withDefaults() AuditConfig {
	if c.Anchor == nil {
		return c
	}
	a := *c.Anchor
	a.Prefix, a.Mode = cmp.Or(strings.TrimSuffix(a.Prefix, "/"), "autopilot"), cmp.Or(a.Mode, modeCompliance)
	a.Retain, a.Every = cmp.Or(a.Retain, 365*24*time.Hour), cmp.Or(a.Every, 24*time.Hour)
	c.Anchor = &a
	return c
}

var (
	bucketRE = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixRE = regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$`)
)

// audit checks where the audit log's head is kept.
func (v *validator) audit(c AuditConfig) {
	a := c.Anchor
	if a == nil {
		return
	}
	where := at{"audit", "anchor"}
	switch {
	case a.Bucket == "":
		v.bad(where.with("bucket"), "is missing; an S3 bucket with Object Lock, such as company-audit")
	case !bucketRE.MatchString(a.Bucket):
		v.bad(where.with("bucket"), "%q is not a bucket's name; 3 to 63 lower-case letters, digits, - and ., such as company-audit", a.Bucket)
	}
	if !prefixRE.MatchString(a.Prefix) || len(a.Prefix) > 200 {
		v.bad(where.with("prefix"), "%q is not a prefix of keys; letters, digits, ., _ and -, such as autopilot or audit/autopilot", a.Prefix)
	}
	if !regionRE.MatchString(a.Region) {
		v.bad(where.with("region"), "%q is not an AWS region; such as eu-central-1", a.Region)
	}
	if !accountRE.MatchString(a.Account) {
		v.bad(where.with("account"), "%q is not an AWS account; the twelve digits of the bucket's owner, quoted", a.Account)
	}
	if a.RoleARN != "" && !roleARNRE.MatchString(a.RoleARN) {
		v.bad(where.with("role_arn"), "%q is not a role's ARN; such as arn:aws:iam::123456789012:role/autopilot-audit-anchor", a.RoleARN)
	}
	if a.ExternalID != "" && a.RoleARN == "" {
		v.bad(where.with("external_id"), "needs role_arn")
	}
	if a.Mode != modeCompliance && a.Mode != modeGovernance {
		v.bad(where.with("mode"), "%q is not a mode of Object Lock; compliance or governance", a.Mode)
	}
	v.within(where.with("every"), a.Every, time.Hour, 30*24*time.Hour)
	v.within(where.with("retain"), a.Retain, 24*time.Hour, 100*365*24*time.Hour)
	if a.Every >= time.Hour && a.Retain >= 24*time.Hour && a.Retain < 2*a.Every {
		v.bad(where.with("retain"), "%s is shorter than twice every, %s; there would be times without a locked anchor", short(a.Retain), short(a.Every))
	}
	v.optionalURL(where.with("endpoint"), a.Endpoint)
}
