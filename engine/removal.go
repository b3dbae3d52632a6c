package engine

import (
	"fmt"
	"time"
)

// Removal is what the bot itself does about a volume that no file declares, once enough people said yes: it takes a snapshot and,
// when that is complete, deletes the volume. What people saw of the volume is here: one that has changed since is left alone.
type Removal struct {
	GiB        int64             `json:"gib"`
	Type       string            `json:"type"`
	Zone       string            `json:"zone"`
	CreatedAt  time.Time         `json:"created_at"`
	DetachedAt time.Time         `json:"detached_at"` // first seen detached by us
	Tags       map[string]string `json:"tags,omitempty"`
	Whole      MicroUSD          `json:"whole,omitempty"`    // what the volume costs a month; 0 when not known
	Snapshot   MicroUSD          `json:"snapshot,omitempty"` // what its snapshot costs a month at most; it is off the saving
	After      []string          `json:"after,omitempty"`    // what a person does when it is gone, exactly
}

// RemovalStep is how far a removal is. Each is kept before the act that it names.
type RemovalStep string

// The steps, in their order.
const (
	RemovalNone     RemovalStep = ""         // nothing was done yet
	RemovalSnapshot RemovalStep = "snapshot" // AWS is being asked for a snapshot; there may be one
	RemovalWait     RemovalStep = "wait"     // the snapshot is there, and becomes complete
	RemovalDelete   RemovalStep = "delete"   // the snapshot is complete, and the volume is being deleted
	RemovalDone     RemovalStep = "done"     // AWS says that the volume is gone
)

// RemovalState is where the removal of a proposal's volume stands.
type RemovalState struct {
	Proposal int64
	Step     RemovalStep
	Snapshot string    // its id, from RemovalWait on
	At       time.Time // when the step began
}

// RemovalTag is the tag of the snapshots that the bot takes before it deletes a volume; its value is the proposal's number. By it a
// snapshot is found again whose making was never recorded.
const RemovalTag = "autopilot:proposal"

// RemovalSteps are the exact commands of a removal, in their order, as a person would do them.
func RemovalSteps(volume, region string) []string {
	return []string{
		fmt.Sprintf("aws ec2 create-snapshot --region %s --volume-id %s --description 'last of %s before its deletion' --tag-specifications 'ResourceType=snapshot,Tags=[{Key=%s,Value=the number of this proposal}]'",
			region, volume, volume, RemovalTag),
		fmt.Sprintf("aws ec2 wait snapshot-completed --region %s --snapshot-ids 'that snapshot'", region),
		fmt.Sprintf("aws ec2 delete-volume --region %s --volume-id %s", region, volume),
	}
}
