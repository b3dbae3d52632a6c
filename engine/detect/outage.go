package detect

import "time"

// echo is how long after an outage of the API server the cluster may take its end for nodes that are silent: their reports of the meantime
// were not heard, and the node controller comes round before the next ones do.
const echo = time.Minute

// aftermath is how much longer what began then is waited for, since it may come of an outage of the API server alone.
func (v *view) aftermath(began time.Time) time.Duration {
	o := v.Outage
	if o.From.IsZero() || began.Before(o.From) || !o.Until.IsZero() && began.After(o.Until.Add(echo)) {
		return 0
	}
	return nodeBlip
}

// reported gives from when on something counts that may last d, such as the start of a pod: while the API server is away nobody hears that
// it is over.
func (v *view) reported(began time.Time, d time.Duration) time.Time {
	o := v.Outage
	switch {
	case o.From.IsZero() || !began.Add(d).After(o.From) || !o.Until.IsZero() && began.After(o.Until):
		return began
	case o.Until.IsZero():
		return v.Now
	}
	return o.Until
}
