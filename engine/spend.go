package engine

import (
	"fmt"
	"time"
)

// SpendAlarm is what cost more on a day than it ever did. It is told once.
type SpendAlarm struct {
	ID    int64
	Day   time.Time // midnight UTC
	Rises []SpendRise
}

// SpendRise is one thing that costs more than ever: a cluster, a namespace, a team, or a service outside of clusters, by the kind of Of.
type SpendRise struct {
	Of     Workload  `json:"of"`
	Since  time.Time `json:"since"`  // the first day
	Amount MicroUSD  `json:"amount"` // of the day
	Usual  MicroUSD  `json:"usual"`  // that a day never cost more than
	Track  Track     `json:"track"`
}

// Over is by how much it is more.
func (r SpendRise) Over() MicroUSD { return r.Amount - r.Usual }

// SpendKey is the key of the message of an alarm.
func SpendKey(id int64) string { return fmt.Sprintf("spend/%d", id) }
