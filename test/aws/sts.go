package aws

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

type callerIdentity struct {
	Arn, UserId, Account string //nolint:revive,staticcheck // AWS spells it so
}

func getCallerIdentity(_ *Server, c *call) (any, *refusal) {
	return callerIdentity{Arn: c.who.ARN, UserId: c.who.AccessKey, Account: c.who.Account}, nil
}

type assumedRole struct {
	Credentials struct {
		AccessKeyId, SecretAccessKey, SessionToken, Expiration string //nolint:revive,staticcheck // AWS spells it so
	}
	AssumedRoleUser struct{ AssumedRoleId, Arn string } //nolint:revive,staticcheck // AWS spells it so
}

func assumeRole(s *Server, c *call) (any, *refusal) {
	arn, session := c.form.Get("RoleArn"), c.form.Get("RoleSessionName")
	role, ok := s.cfg.Roles[arn]
	if !ok || role.ExternalID != "" && role.ExternalID != c.form.Get("ExternalId") {
		return nil, refuse(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.who.ARN, arn)
	}
	if session == "" {
		return nil, refuse(http.StatusBadRequest, "ValidationError", "1 validation error detected: Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null")
	}
	s.serial++
	name := arn[strings.LastIndex(arn, "/")+1:]
	who := Identity{
		AccessKey: fmt.Sprintf("ASIASTANDIN%09d", s.serial), Secret: fmt.Sprintf("session/secret/%d", s.serial), Account: role.Account,
		May: role.May,
		ARN: "arn:aws:sts::" + role.Account + ":assumed-role/" + name + "/" + session,
	}
	s.sessions = append(s.sessions, who)
	var out assumedRole
	out.Credentials.AccessKeyId, out.Credentials.SecretAccessKey, out.Credentials.SessionToken = who.AccessKey, who.Secret, "session"
	out.Credentials.Expiration = time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	out.AssumedRoleUser.Arn, out.AssumedRoleUser.AssumedRoleId = who.ARN, "AROASTANDIN:"+session
	return out, nil
}
