// Package anomaly says how strange the newest value of a series is, by that series' own past alone.
//
// A Detector reads one value after the other and keeps a bounded summary of what it saw. It asks five questions, each of which is about a
// record, that is, about something that never was before: is the value outside of all values that there were; is the level (the median of
// the last seven values) outside of all levels; is the level of this hour of the day outside of all that this hour had; did the values of a day ever spread
// so far, or so little; did a window of values ever look like this one. Records are rare by themselves and need no assumption of how
// values are distributed: of n values in no order, the chance that the last one is the highest is 1/n.
//
// A Watch has one for each measure of each workload of a cluster. It tells people of the first three alone, which a person can check against
// a chart: it decides when a series becomes strange and when it is usual again, and is quiet in between; it puts what is strange of a workload into one signal, and what is strange of many into one of their node or cluster.
//
// The package is pure. The handlers give a Watch what Prometheus says, and the store keeps its series; test/bench says how good a
// Detector is.
package anomaly
