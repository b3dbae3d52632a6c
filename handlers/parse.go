package handlers

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/eks-autopilot/autopilot/engine"
)

// commands are the words that may follow /autopilot, in the order of the help.
var commands = []engine.HelpLine{
	{Usage: "/autopilot status", Text: "what is open, which clusters are watched, and whether writes are paused"},
	{Usage: "/autopilot incidents [namespace[/workload]] [critical|warning|info] [open|acknowledged|resolved|all] [mine] [cluster=…] [class=…] [last=24h]", Text: "find incidents"},
	{Usage: "/autopilot show <number> [export]", Text: "one incident with its causes and evidence; export: all of it as a Markdown file, by direct message"},
	{Usage: "/autopilot savings [team|cluster|cpu|memory|node|volume] [team=…] [cluster=…] [namespace=…] [type=…]", Text: "what could be saved, and what it comes to; no dollar is counted twice"},
	{Usage: "/autopilot savings ledger [week|month|2006-01|2006-01-02..2006-01-31] [team|cluster|cpu|memory|node|volume] [by=team|namespace|cluster|type]", Text: "what was identified, approved, implemented, and measured to be saved"},
	{Usage: "/autopilot savings export [csv|focus] [as ledger]", Text: "the entries of the ledger as a file, by direct message"},
	{Usage: "/autopilot costs [yesterday|week|month|2006-01] [team=…] [cluster=…] [namespace=…] [by=team|namespace|cluster]", Text: "what was paid and who for, with what is idle, shared and nobody's"},
	{Usage: "/autopilot report [weekly|monthly] [2006-W02|2006-01|last|this] [team|cluster] [team=…] [cluster=…]", Text: "what a week or a month came to, with the whole of it as a page by direct message"},
	{Usage: "/autopilot detect waste [cluster|namespace]", Text: "look for waste now"},
	{Usage: "/autopilot chaos <fault> <namespace>[/workload] | list | stop | report | advanced | help", Text: "break something on purpose, once somebody confirmed what would be hit, and see what the bot notices"},
	{Usage: "/autopilot trust [last=30d]", Text: "how much of what is broken on purpose the bot notices, how soon, and how often its cause is right"},
	{Usage: "/autopilot audit <proposal|incident|finding|experiment> <number>", Text: "who decided what about it, and when"},
	{Usage: "/autopilot pause [reason]", Text: "stop what the bot does for people elsewhere: silences, pull requests, remedies, removals and experiments; pagers, reports and audit anchors go on"},
	{Usage: "/autopilot resume", Text: "end the pause"},
	{Usage: "/autopilot help", Text: "this list"},
}

var verbs = []string{"help", "status", "incidents", "show", "savings", "costs", "report", "detect", "chaos", "trust", "audit", "pause", "resume"}

// query is a slash command, understood.
type query struct {
	verb   string
	id     int64                 // show, export_incident
	filter engine.IncidentFilter // incidents
	mine   bool                  // incidents
	reason string                // pause

	findings engine.FindingFilter // savings, detect
	subject  string               // audit: "proposal/7"
	costs    engine.CostFilter    // costs
	ledger   engine.LedgerFilter  // ledger, export
	format   string               // export: "csv" or "focus"
	period   engine.Period        // report
	scope    engine.DigestScope   // report
	words    []string             // chaos: what follows it
	bare     string               // savings, ledger, export, report, detect: a team, cluster or namespace, whichever has that name
}

// parse understands what follows /autopilot. Errors have the code invalid and say what would be right.
func parse(text string, now time.Time) (query, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' })
	if len(words) == 0 {
		return query{verb: "help"}, nil
	}
	verb := strings.ToLower(words[0])
	args := words[1:]
	switch verb {
	case "help", "status", "resume":
		if len(args) > 0 {
			return query{}, engine.Errorf(engine.Invalid, "`%s` takes nothing behind it; write `/autopilot %s`", verb, verb)
		}
		return query{verb: verb}, nil
	case "pause":
		return query{verb: verb, reason: cut(strings.Join(args, " "), 300)}, nil
	case "show":
		return parseShow(args)
	case "incident":
		if len(args) > 0 {
			return parseShow(args)
		}
	case "incidents":
		return parseIncidents(args, now)
	case "savings":
		if len(args) > 0 && slices.Contains(ledgerVerbs, strings.ToLower(args[0])) {
			return parseLedger(strings.ToLower(args[0]), args[1:], now)
		}
		return parseSavings(args)
	case "costs":
		return parseCosts(args, now)
	case "report":
		return parseReport(args, now)
	case "detect":
		return parseDetect(args)
	case "audit":
		return parseAudit(args)
	case "chaos":
		return query{verb: verb, words: args}, nil
	case "trust":
		return parseTrust(args, now)
	}
	if near := nearestWord(verb, verbs); near != "" {
		return query{}, engine.Errorf(engine.Invalid, "I do not know `%s`; did you mean `/autopilot %s`?", plain(verb), near)
	}
	return query{}, engine.Errorf(engine.Invalid, "I do not know `%s`; `/autopilot help` lists what I do", plain(verb))
}

// parseShow understands what follows show: an incident's number, and maybe export.
func parseShow(args []string) (query, error) {
	q := query{verb: "show"}
	if len(args) == 0 || len(args) > 2 {
		return q, engine.Errorf(engine.Invalid, "`show` wants one incident's number, such as `/autopilot show 42`; `/autopilot show 42 export` gives it as a file")
	}
	if len(args) == 2 {
		if strings.ToLower(args[1]) != "export" {
			return q, engine.Errorf(engine.Invalid, "I do not know `%s` behind an incident's number; `export` gives it as a file", plain(args[1]))
		}
		q.verb = "export_incident"
	}
	var err error
	q.id, err = incidentID(args[0])
	return q, err
}

func parseIncidents(args []string, now time.Time) (query, error) {
	q := query{verb: "incidents"}
	for _, arg := range args {
		key, value, isPair := strings.Cut(arg, "=")
		if !isPair {
			key, value = "", arg
		}
		var err error
		switch strings.ToLower(key) {
		case "":
			err = q.word(value)
		case "cluster":
			q.filter.Cluster = value
		case "namespace", "ns":
			q.filter.Namespace = value
		case "workload", "name":
			q.filter.Workload = value
		case "severity":
			err = q.severity(value)
		case "status":
			err = q.status(value)
		case "class":
			err = q.class(value)
		case "last":
			err = q.last(value, now)
		default:
			err = engine.Errorf(engine.Invalid, "I do not know the filter `%s`; known: cluster, namespace, workload, severity, status, class, last", plain(key))
		}
		if err == nil && isPair && value == "" {
			err = engine.Errorf(engine.Invalid, "`%s=` wants a value behind it", plain(key))
		}
		if err != nil {
			return query{}, err
		}
	}
	return q, nil
}

// word understands a filter without a key: a severity, a status, "mine", or namespace[/workload].
func (q *query) word(w string) error {
	l := strings.ToLower(w)
	switch {
	case engine.Severity(l).Rank() > 0:
		return q.severity(l)
	case slices.Contains(statuses, l):
		return q.status(l)
	case l == "mine":
		q.mine = true
		return nil
	case q.filter.Namespace != "":
		return engine.Errorf(engine.Invalid, "`%s` is one word too many; a namespace was named already", plain(w))
	}
	ns, name, _ := strings.Cut(l, "/")
	q.filter.Namespace, q.filter.Workload = ns, name
	return nil
}

var statuses = []string{"open", "acknowledged", "resolved", "all"}

func (q *query) severity(s string) error {
	q.filter.Severity = engine.Severity(strings.ToLower(s))
	if q.filter.Severity.Rank() == 0 {
		return engine.Errorf(engine.Invalid, "`%s` is not a severity; critical, warning or info", plain(s))
	}
	return nil
}

func (q *query) status(s string) error {
	s = strings.ToLower(s)
	switch {
	case !slices.Contains(statuses, s):
		return engine.Errorf(engine.Invalid, "`%s` is not a status; %s", plain(s), strings.Join(statuses, ", "))
	case s == "all":
		q.filter.AnyStatus = true
	default:
		q.filter.Status = engine.Status(s)
	}
	return nil
}

func (q *query) class(s string) error {
	q.filter.Class = engine.Class(strings.ReplaceAll(strings.ToLower(s), "-", "_"))
	if slices.Contains(engine.Classes, q.filter.Class) {
		return nil
	}
	var known []string
	for _, c := range engine.Classes {
		known = append(known, string(c))
	}
	if near := nearestWord(string(q.filter.Class), known); near != "" {
		return engine.Errorf(engine.Invalid, "`%s` is not a class; did you mean `class=%s`?", plain(s), near)
	}
	return engine.Errorf(engine.Invalid, "`%s` is not a class; known: %s", plain(s), strings.Join(known, ", "))
}

func (q *query) last(s string, now time.Time) error {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); err != nil && ok {
		if d, err = time.ParseDuration(days + "h"); err == nil {
			d *= 24
		}
	}
	if err != nil || d <= 0 || d > 400*24*time.Hour {
		return engine.Errorf(engine.Invalid, "`last=%s` is not a time; such as last=2h or last=7d", plain(s))
	}
	q.filter.Since = now.Add(-d)
	q.filter.AnyStatus = q.filter.AnyStatus || q.filter.Status == ""
	return nil
}

func nearestWord(word string, known []string) string {
	best, bestDistance := "", 3
	for _, k := range known {
		d := engine.EditDistance(word, k)
		if strings.HasPrefix(k, word) && len(word) >= 3 {
			d = 0
		}
		if d < bestDistance && d < len([]rune(k)) {
			best, bestDistance = k, d
		}
	}
	return best
}

// plain makes a person's word safe inside a code span.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '`' || unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	return cut(s, 40)
}
