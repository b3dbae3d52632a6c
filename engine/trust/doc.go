// Package trust turns graded experiments into a scorecard: how much of what is broken on purpose is noticed, how soon, and how often the
// cause that is shown first is right.
//
// Package handlers calls it for `/autopilot trust`, and package digest's caller for the digest. It reads rows alone.
package trust
