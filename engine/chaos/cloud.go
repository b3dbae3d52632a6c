package chaos

import (
	"context"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Cloud is a service beside the cluster that brings faults to pods; AWS FIS is one. A handle names a fault: the same one twice is one
// fault. Its methods fail with Unavailable when the service does not answer, and then nobody knows whether it heard.
type Cloud interface {
	// Try looks whether a fault could be begun, and changes nothing. It fails with the reason why not, and what would allow it.
	Try(ctx context.Context, s engine.Strike, t engine.Victim) error
	// Begin asks for a fault that ends by itself after a time.
	Begin(ctx context.Context, s engine.Strike, t engine.Victim, handle string, last time.Duration) error
	// Look tells how it is. It fails with NotFound where there is none of that handle.
	Look(ctx context.Context, handle string) (CloudState, error)
	// End has it stop, and takes away what was made for it. It fails with Conflict while it has not ended yet.
	End(ctx context.Context, handle string) error
}

// CloudState is how a fault of a Cloud is.
type CloudState struct {
	Holds bool   // the fault is in place
	Over  bool   // it has ended, well or not
	Text  string // in the service's own words
}
