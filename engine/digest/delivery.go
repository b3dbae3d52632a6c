package digest

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Delivery is where digests of one kind and scope go. A delivery of another kind is another one, even under the same name.
type Delivery struct {
	Name    string // unique in the configuration; part of the keys of what is sent
	Kind    engine.PeriodKind
	Scope   engine.DigestScope
	Channel string // of Slack, by name or id; "" for none
	Email   bool
	S3      bool
}

// Via is a way on which a digest leaves.
type Via string

// The ways.
const (
	ViaSlack Via = "slack" // the message is declared; the deliverer does the rest
	ViaEmail Via = "email"
	ViaS3    Via = "s3"
)

// Ways are those that a delivery wants.
func (d Delivery) Ways() []Via {
	var ways []Via
	if d.Channel != "" {
		ways = append(ways, ViaSlack)
	}
	if d.Email {
		ways = append(ways, ViaEmail)
	}
	if d.S3 {
		ways = append(ways, ViaS3)
	}
	return ways
}

// Sending is a kept digest on one way of one delivery.
type Sending struct {
	ID       int64
	Digest   int64
	Delivery string
	Via      Via
	Done     bool // it was sent, or given up for good
}

// Unsent is what did not get through on a way.
type Unsent struct {
	Delivery string
	Via      Via
	Period   engine.Period
	Problem  string // of the newest attempt
	Attempts int
}

// Stand is where a delivery stands.
type Stand struct {
	Since  time.Time // when it was first known: what was due before is not told
	Newest time.Time // the first day of the newest period that went to it; zero for none
	First  time.Time // when the first row was written that a digest could rest on; zero for none
}
