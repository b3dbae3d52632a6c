package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	planStrikes = 6  // in full
	planVictims = 6  // of a strike, a line each; more are gathered by node
	planSteady  = 10 // measures; those that are missed come first
)

// planned is the dry run: who would be hit, how and why so, for how long, whether all is well now, and who may say yes. What does not fit
// comes as a file.
func planned(c *canvas, e engine.Experiment) []engine.File {
	if reasons := refusals(e); len(reasons) > 0 {
		c.section(append([]string{"*It may not begin*"}, reasons...)...)
	}
	c.section("*Nothing happens without a yes.* It would hit *"+hitCount(e, outside)+"*. "+whenOver(e), askedBy(e))
	missing := 0
	for n, s := range e.Strikes[:min(planStrikes, len(e.Strikes))] {
		missing += c.section(strikeLines(n, len(e.Strikes), s)...)
	}
	if more := len(e.Strikes) - planStrikes; more > 0 {
		missing += more
		c.section("and " + plural(more, "more fault", "more faults"))
	}
	c.section(steadyLines(e)...)
	if line := expects(e.Expect); line != "" {
		c.section(line)
	}
	need := append([]string{confirmNeed(e)}, approvals(e)...)
	if e.Text != "" {
		need = append(need, remark(e))
	}
	c.section(need...)
	c.context(stopsOn(e))
	if missing == 0 && !c.full {
		return nil
	}
	c.context("All that would be hit is in the file below.")
	return []engine.File{{Name: fmt.Sprintf("experiment-%d-targets.txt", e.ID), Title: "All targets", Content: allTargets(e)}}
}

// hitCount is how much is hit in all: "2 pods in shop", "node ip-10-0-3-7", "nothing". Names are made harmless by safe.
func hitCount(e engine.Experiment, safe func(string, int) string) string {
	pods := map[string]bool{}
	var nodes []string
	for _, s := range e.Strikes {
		if s.Fault == engine.FaultDrain && s.Node != "" && !slices.Contains(nodes, s.Node) {
			nodes = append(nodes, s.Node)
		}
		for _, v := range s.Targets {
			if s.Fault != engine.FaultDrain {
				pods[v.Object.Namespace+"/"+v.Object.Name] = true
			}
		}
	}
	var parts []string
	if len(pods) > 0 {
		part := plural(len(pods), "pod", "pods")
		if spaces := e.Namespaces(); len(spaces) > 0 {
			part += " in " + strings.Join(list(spaces, 3, func(s string) string { return safe(s, 63) }), ", ")
		}
		parts = append(parts, part)
	}
	switch len(nodes) {
	case 0:
	case 1:
		parts = append(parts, "node "+safe(nodes[0], 120))
	default:
		parts = append(parts, plural(len(nodes), "node", "nodes"))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, " and ")
}

// whenOver says when it ends by itself.
func whenOver(e engine.Experiment) string {
	if whole := length(e); whole > 0 {
		return "It is over " + exactly(whole) + " after it began, whatever becomes of the bot."
	}
	return "It is done in a moment; what it does cannot be taken back."
}

// strikeLines are one fault: what, how much, on whom, by which mechanism and why by that one.
func strikeLines(n, of int, s engine.Strike) []string {
	head := "*" + outside(string(s.Fault), 40) + "*"
	if of > 1 {
		head = fmt.Sprintf("%d. %s", n+1, head)
	}
	if text := dose(s); text != "" {
		head += " " + text
	}
	if s.Fault.Lasts() && s.Duration > 0 {
		head += " for " + exactly(s.Duration)
	}
	if s.After > 0 {
		head += ", from " + exactly(s.After) + " on"
	}
	if where := strikeWhere(s); where != "" {
		head += " · " + where
	}
	lines := append([]string{head}, victimLines(s.Targets)...)
	if len(s.Targets) == 0 && s.Fault != engine.FaultNothing {
		lines = append(lines, "• no target was found")
	}
	return append(lines, mechanisms(s.Targets)...)
}

// dose is how much of a fault, in words.
func dose(s engine.Strike) string {
	d := s.Dose
	switch s.Fault {
	case engine.FaultKill:
		if d.Force {
			return "by plain delete"
		}
	case engine.FaultCPU:
		if d.CPU > 0 {
			return short(d.CPU) + " cores in each"
		}
		return "up to the limit of each"
	case engine.FaultMemory:
		if d.Memory > 0 {
			return amount(engine.Memory, d.Memory) + " in each"
		}
		return "90 % of the limit of each"
	case engine.FaultLag:
		text := "+" + d.Delay.String()
		if d.Jitter > 0 {
			text += " ± " + d.Jitter.String()
		}
		return text
	case engine.FaultLoss:
		return short(d.Loss) + " % of packets"
	case engine.FaultThrottle:
		return bits(d.Rate)
	case engine.FaultDNS:
		if len(d.Names) == 0 {
			return "all names"
		}
		return strings.Join(list(d.Names, 4, func(s string) string { return code(s, 80) }), ", ")
	case engine.FaultContainerKill, engine.FaultDrain, engine.FaultNothing:
	}
	return ""
}

// bits is a rate: "1 Mbit/s".
func bits(rate int64) string {
	switch f := float64(rate); {
	case rate >= 1e9:
		return short(f/1e9) + " Gbit/s"
	case rate >= 1e6:
		return short(f/1e6) + " Mbit/s"
	case rate >= 1e3:
		return short(f/1e3) + " kbit/s"
	}
	return fmt.Sprintf("%d bit/s", rate)
}

func strikeWhere(s engine.Strike) string {
	switch {
	case s.Node != "":
		return "node " + code(s.Node, 120)
	case s.Namespace == "":
		return ""
	}
	workload := s.Workload[strings.LastIndex(s.Workload, "/")+1:] // without its kind
	where := code(strings.TrimSuffix(s.Namespace+"/"+workload, "/"), 200)
	if s.Selector != "" {
		where += " with " + code(s.Selector, 200)
	}
	return where
}

// victimLines are the targets: a line each where they are few, else a line for each node.
func victimLines(all []engine.Victim) []string {
	if len(all) <= planVictims {
		return list(all, planVictims, func(v engine.Victim) string {
			line := "• " + code(victimName(v), 260)
			if v.Container != "" {
				line += " container " + code(v.Container, 80)
			}
			if v.Node != "" && v.Object.Name != v.Node {
				line += " on " + code(v.Node, 120)
			}
			return line
		})
	}
	var nodes []string
	on := map[string][]string{}
	for _, v := range all {
		if _, seen := on[v.Node]; !seen {
			nodes = append(nodes, v.Node)
		}
		on[v.Node] = append(on[v.Node], victimName(v))
	}
	slices.Sort(nodes)
	var lines []string
	for _, node := range nodes {
		line := "• on " + cmp.Or(code(node, 120), "no node") + ":"
		for _, name := range on[node] {
			piece := " " + code(name, 260)
			if size(line)+size(piece) > maxSection/2 {
				lines, line = append(lines, line), "•"
			}
			line += piece
		}
		lines = append(lines, line)
	}
	return lines
}

// victimName is a pod with its namespace, which differs where an experiment is everywhere.
func victimName(v engine.Victim) string {
	if v.Object.Namespace == "" {
		return v.Object.Name
	}
	return v.Object.Namespace + "/" + v.Object.Name
}

var mechanismNames = map[engine.Mechanism]string{
	engine.ByEviction: "the Eviction API", engine.ByDelete: "a plain delete", engine.ByExec: "a process in its own container",
	engine.ByAgent: "an ephemeral container with the agent", engine.ByChaosMesh: "an object of Chaos Mesh", engine.ByFIS: "an experiment of AWS FIS",
	engine.ByNothing: "nothing at all",
}

// mechanisms say by what it is done and why by that, once for all targets of which it is true.
func mechanisms(all []engine.Victim) []string {
	type way struct {
		by  engine.Mechanism
		why string
	}
	var ways []way
	count := map[way]int{}
	for _, v := range all {
		w := way{v.Mechanism, v.Why}
		if w.by == "" {
			continue
		}
		if count[w]++; count[w] == 1 {
			ways = append(ways, w)
		}
	}
	return list(ways, 4, func(w way) string {
		line := "By " + cmp.Or(mechanismNames[w.by], outside(string(w.by), 40))
		if len(ways) > 1 {
			line += fmt.Sprintf(" (%d of %d)", count[w], len(all))
		}
		if w.why != "" {
			line += ": " + outside(w.why, 300)
		}
		return line
	})
}

// steadyLines are how well the targets work now. What does not comes first.
func steadyLines(e engine.Experiment) []string {
	if len(e.Steady) == 0 {
		return nil
	}
	sorted := slices.Clone(e.Steady)
	slices.SortStableFunc(sorted, func(a, b engine.Steadiness) int {
		switch {
		case a.OK == b.OK:
			return 0
		case b.OK:
			return -1
		}
		return 1
	})
	return append([]string{"*Now, without it*"}, list(sorted, planSteady, func(s engine.Steadiness) string {
		if s.OK {
			return ":heavy_check_mark: " + outside(s.Text, 250)
		}
		return ":x: " + outside(s.Text, 250)
	})...)
}

// expects is what should be noticed, and how soon.
func expects(x engine.Expectation) string {
	if x.Nothing {
		return "A control: *nothing* should be noticed of it."
	}
	if len(x.Workloads) == 0 {
		return ""
	}
	line := "Should be noticed of " + strings.Join(list(x.Workloads, 3, func(w engine.Workload) string { return code(w.String(), 160) }), " or ")
	if x.Within > 0 {
		line += " within *" + exactly(x.Within) + "*"
	}
	if len(x.Causes) > 0 {
		line += ", with the cause " + strings.Join(list(x.Causes, 3, func(s string) string { return code(s, 80) }), " or ")
	}
	return line + "."
}

// confirmNeed is who may say yes, and until when.
func confirmNeed(e engine.Experiment) string {
	line := needed(e.Need, "say yes", e.By)
	if !e.Expires.IsZero() {
		line += ", until " + when(e.Expires)
	}
	return line + "."
}

// stopsOn is what ends it before its time.
func stopsOn(e engine.Experiment) string {
	line := "STOP ends it at once, and so does anything that fires and that it does not explain"
	if len(e.StopOn) > 0 {
		line += "; also " + strings.Join(list(e.StopOn, 5, func(s string) string { return code(s, 80) }), ", ")
	}
	return line + "."
}

// allTargets is the list as a file.
func allTargets(e engine.Experiment) string {
	var b strings.Builder
	for n, s := range e.Strikes {
		fmt.Fprintf(&b, "%d. %s %s\n", n+1, tame(string(s.Fault)), tame(s.Namespace+" "+s.Workload+" "+s.Selector+" "+s.Node))
		for _, v := range s.Targets {
			fmt.Fprintf(&b, "   %s on %s by %s\n", tame(victimName(v)), cmp.Or(tame(v.Node), "no node"), cmp.Or(tame(string(v.Mechanism)), "nothing"))
		}
	}
	return b.String()
}
