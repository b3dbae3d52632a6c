package engine

import "time"

// Anchor is the newest row of the audit log at a time, kept where who can write to the database cannot change it. A chain that lacks
// the row, or has another hash there, is not the one that was anchored.
type Anchor struct {
	Seq     int64     `json:"seq"`
	Hash    string    `json:"hash"` // hex, of the row
	At      time.Time `json:"at"`   // when it was anchored
	Version string    `json:"version"`
}
