package change

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/eks-autopilot/autopilot/engine"
)

// resize makes one number of a group another, and lowers the minimum along with the desired size where it must.
func (t *terraform) resize(g *tfGroup, w engine.Wish) (Located, error) {
	if err := t.open(g); err != nil {
		return Located{}, err
	}
	size, files := g.number(w.Field), map[string][]byte{}
	if w.Field == FieldDesired && g.ignored.Path != "" && !g.whole {
		return t.resizeIgnored(g, w)
	}
	if g.whole {
		return Located{}, refuse([]engine.Place{g.ignored, g.place}, "Terraform ignores changes of the size of node group %s; %s",
			w.Name, byHand(g, w))
	}
	if err := t.bounded(g, w); err != nil {
		return Located{}, err
	}
	if size.expr.e == nil {
		return t.declare(g, w, size)
	}
	if err := t.change(files, g, size, w.Old, w.New); err != nil {
		return Located{}, err
	}
	if w.Field == FieldDesired {
		if err := t.lower(files, g, w); err != nil {
			return Located{}, err
		}
	}
	return Located{Files: files}, nil
}

// open refuses a group whose numbers are not all there is to know.
func (t *terraform) open(g *tfGroup) error {
	if g.closed != "" {
		return refuse(append([]engine.Place{g.place}, t.references(g.at.orNothing())...), "node group %s cannot be read: %s",
			g.name, g.closed)
	}
	if o := g.at.in.dir.overridden(g.block); o != nil {
		return refuse([]engine.Place{g.place, t.place(o.file, o.TypeRange, "overrides it")}, "%s is changed by an override file",
			g.block.address())
	}
	return nil
}

// bounded refuses a number that the other numbers of a group do not allow.
func (t *terraform) bounded(g *tfGroup, w engine.Wish) error {
	size := g.number(w.Field)
	n, err := strconv.Atoi(w.New)
	if err != nil || n < 0 {
		return engine.Errorf(engine.Invalid, "the %s size of a node group is a number of nodes; %q is none", w.Field, w.New)
	}
	at := []engine.Place{g.place}
	if most, ok := t.count(g.max); ok && n > most {
		return refuse(at, "%s of node group %s cannot be %d: %s is %d", size.name, w.Name, n, g.max.name, most)
	}
	if desired, ok := t.count(g.desired); ok && w.Field == FieldMin && n > desired && g.ignored.Path == "" {
		return refuse(at, "%s of node group %s cannot be %d: %s is %d", size.name, w.Name, n, g.desired.name, desired)
	}
	return nil
}

// count gives a number of a group, where the files say it.
func (t *terraform) count(s tfSize) (int, bool) {
	if s.expr.e == nil {
		return 0, false
	}
	value, _ := t.text(s.expr)
	n, err := strconv.Atoi(value)
	return n, err == nil
}

// change sets a number of a group in files, when exactly one literal feeds it and nothing else, and it is what it was thought to be.
func (t *terraform) change(files map[string][]byte, g *tfGroup, size tfSize, from, to string) error {
	lit, places, err := t.literalOf(g, size)
	if err != nil {
		return err
	}
	switch {
	case SameValue(lit.Value, to):
		return refuse(places, "%s has %s = %s already; it is not applied yet, or something else changed the group since",
			lit.file.path, size.name, to)
	case from != "" && !SameValue(lit.Value, from):
		return refuse(places, "%s has %s = %s, and the live node group has %s: the file and the group have drifted apart",
			lit.file.path, size.name, lit.Value, from)
	}
	return lit.set(files, to)
}

// tfLiteral is a literal, and the file that it is in.
type tfLiteral struct {
	HCLScalar
	file *hclFile
}

// literalOf finds the literal that a number of a group is. It refuses where that is not provably one, and for this one use only.
func (t *terraform) literalOf(g *tfGroup, size tfSize) (tfLiteral, []engine.Place, error) {
	tr := g.way.clone()
	tr.places = append(tr.places, t.place(size.expr.file, size.expr.e.Range(), "%s of %s", size.name, g.block.address()))
	r := t.follow(size.expr, tr)
	lit, why := hclLiteral(r.file.src, r.e)
	if why != "" {
		if r.e != size.expr.e {
			tr.places = append(tr.places, t.place(r.file, r.e.Range(), "%s", why))
		}
		if tr.shared != "" {
			why += ": " + tr.shared
		}
		return tfLiteral{}, nil, refuse(append(tr.places, t.references(r)...), "%s of node group %s is no number, but %s", size.name, g.name, why)
	}
	if shared := t.sharing(g, r, tr); shared != "" {
		return tfLiteral{}, nil, refuse(append(tr.places, t.place(r.file, r.e.Range(), "the value")),
			"%s of node group %s is not set for it alone: %s", size.name, g.name, shared)
	}
	all := r.file.scalars()
	i := slices.IndexFunc(all, func(s HCLScalar) bool { return s.Start == lit.Start && s.End == lit.End && s.Refused == "" })
	if i < 0 {
		return tfLiteral{}, nil, refuse(tr.places, "%s of node group %s stands in an expression", size.name, g.name)
	}
	return tfLiteral{all[i], r.file}, tr.places, nil
}

// sharing says why a literal may be for more than one group; "" when it is for one.
func (t *terraform) sharing(g *tfGroup, r tfExpr, tr *trail) string {
	switch {
	case tr.shared != "":
		return tr.shared
	case g.many != "":
		return g.many
	case g.twins > 1 && !tr.each[g.block]:
		return fmt.Sprintf("%s makes %d", g.block.address(), g.twins)
	}
	return t.repeated(r.in)
}

// repeated says why what stands in a module may be there more than once; "" when it is not.
func (t *terraform) repeated(in *tfInstance) string {
	n := 0
	for _, other := range t.instances {
		if other.dir == in.dir {
			n++
		}
	}
	if n > 1 {
		return fmt.Sprintf("module %s is called %d times", in.dir.path, n)
	}
	for ; in.call != nil; in = in.parent {
		if in.many != "" {
			return in.many
		}
	}
	if len(t.instances) >= maxInstances {
		return "there are more calls of modules than can be followed"
	}
	return ""
}

// set changes the literal in files.
func (l tfLiteral) set(files map[string][]byte, to string) error {
	src, ok := files[l.file.path]
	if !ok {
		src = l.file.src
	}
	all, err := ScalarsHCL(src)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(s HCLScalar) bool { return s.Path == l.Path })
	if i < 0 {
		return engine.Errorf(engine.Internal, "%s is gone from %s", l.Path, l.file.path)
	}
	after, err := SetHCL(src, all[i], to)
	if err != nil {
		return err
	}
	files[l.file.path] = after
	return nil
}

// lower makes the minimum as small as the desired size is to be, unless that is wished for anyway.
func (t *terraform) lower(files map[string][]byte, g *tfGroup, w engine.Wish) error {
	if wishesMin(w) {
		return nil
	}
	n, _ := strconv.Atoi(w.New)
	least, ok := t.count(g.min)
	switch {
	case ok && least <= n:
		return nil
	case ok:
		return t.change(files, g, g.min, "", w.New)
	case g.min.expr.e == nil:
		return refuse([]engine.Place{g.place}, "%s of node group %s is not declared, so it may be more than %d", g.min.name, w.Name, n)
	}
	_, _, err := t.literalOf(g, g.min)
	return err
}

func wishesMin(w engine.Wish) bool {
	return slices.ContainsFunc(w.With, func(o engine.Wish) bool {
		return o.Kind == engine.WishGroup && o.Field == FieldMin && o.Name == w.Name
	})
}

// resizeIgnored is for a desired size that Terraform leaves alone after the creation of a group: an edit of it would do nothing.
// The minimum is lowered, and the rest is a command.
func (t *terraform) resizeIgnored(g *tfGroup, w engine.Wish) (Located, error) {
	files, n := map[string][]byte{}, 0
	if err := t.bounded(g, w); err != nil {
		return Located{}, err
	}
	n, _ = strconv.Atoi(w.New)
	least, known := t.count(g.min)
	switch {
	case wishesMin(w):
		files[g.file.path] = g.file.src
	case known && least > n:
		if err := t.change(files, g, g.min, "", w.New); err != nil {
			return Located{}, err
		}
	default:
		return Located{}, refuse([]engine.Place{g.ignored, g.place}, "Terraform ignores changes of %s of node group %s; %s",
			g.desired.name, w.Name, byHand(g, w))
	}
	return Located{Files: files, Steps: []string{
		fmt.Sprintf("Terraform ignores changes of %s (%s line %d). After the apply, %s", g.desired.name, g.ignored.Path, g.ignored.Line, byHand(g, w)),
	}}, nil
}

var awsNames = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_.:/-]*$`)

// byHand is the command that resizes a group in AWS.
func byHand(g *tfGroup, w engine.Wish) string {
	field, cluster := "desiredSize", g.cluster
	if w.Field == FieldMin {
		field = "minSize"
	}
	if cluster == "" {
		cluster = w.Target.Cluster
	}
	for _, name := range []string{cluster, w.Name} {
		if !awsNames.MatchString(name) {
			return fmt.Sprintf("set its %s to %s in AWS", field, w.New)
		}
	}
	command := fmt.Sprintf("aws eks update-nodegroup-config --cluster-name %s --nodegroup-name %s --scaling-config %s=%s", cluster, w.Name, field, w.New)
	if g.command == "autoscaling" {
		option := map[string]string{FieldMin: "--min-size", FieldDesired: "--desired-capacity"}[w.Field]
		command = fmt.Sprintf("aws autoscaling update-auto-scaling-group --auto-scaling-group-name %s %s %s", w.Name, option, w.New)
	}
	if awsNames.MatchString(w.Target.Region) {
		command += " --region " + w.Target.Region
	}
	return "run: " + command
}

// declare puts a number into a group that does not declare it. Only the minimum of a module's group is such a number: what is
// missing there has a known value.
func (t *terraform) declare(g *tfGroup, w engine.Wish, size tfSize) (Located, error) {
	if !g.module || w.Field != FieldMin {
		return Located{}, refuse([]engine.Place{g.place}, "%s does not declare %s, so Terraform leaves it alone; %s",
			g.block.address(), size.name, byHand(g, w))
	}
	is, from := "1", "the module's own default"
	if common, ok := asObject(t.follow(g.defaults.orNothing(), &trail{}).e); ok {
		if value := g.defaults.item(common, size.name); value.e != nil {
			is, _ = t.text(value)
			from = fmt.Sprintf("the defaults of %s", g.block.address())
		}
	} else if g.defaults.e != nil {
		is, from = "", "defaults that are computed"
	}
	if !SameValue(is, w.Old) {
		return Located{}, refuse([]engine.Place{g.place}, "node group %s has %s from %s (%s), and the live group has %s",
			w.Name, size.name, from, is, w.Old)
	}
	if shared := t.sharing(g, g.at, g.way.clone()); shared != "" {
		return Located{}, refuse([]engine.Place{g.place}, "node group %s cannot be told from others: %s", w.Name, shared)
	}
	after, err := g.file.insert(g.size, size.name, w.New, g.desired.name, g.max.name, "min_size", "name")
	if err != nil {
		return Located{}, refuse([]engine.Place{g.place}, "%s", err)
	}
	return Located{Files: map[string][]byte{g.file.path: after.src}}, nil
}
