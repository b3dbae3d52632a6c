package engine

// CheckLevel says how bad a failed check is.
type CheckLevel string

// The levels. A warning does not keep the product from doing its main job; a failure does.
const (
	CheckOK   CheckLevel = "ok"
	CheckWarn CheckLevel = "warn"
	CheckFail CheckLevel = "fail"
)

// Check is one row of what the doctor tried: what was found, what is wanted, and how to get from one to the other.
type Check struct {
	ID    string // which finding it is, a heading of docs/troubleshooting.md such as "slack-scope"; "" when OK
	Area  string // what was tried: "slack", "kubernetes prod", "postgresql"
	Name  string // "list pods", "scope chat:write"
	OK    bool
	Level CheckLevel // CheckOK exactly when OK
	Found string     // what is there
	Want  string     // what would be right
	Fix   string     // how to get it: one sentence or one command; "" when OK
}

// Passed gives a check that succeeded.
func Passed(area, name, found string) Check {
	return Check{Area: area, Name: name, OK: true, Level: CheckOK, Found: found}
}

// Missed gives a check that did not succeed. Its id stays what it is, for people look it up and filter by it: a heading of
// docs/troubleshooting.md.
func Missed(id string, level CheckLevel, area, name, found, want, fix string) Check {
	return Check{ID: id, Area: area, Name: name, Level: level, Found: found, Want: want, Fix: fix}
}
