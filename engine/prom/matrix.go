package prom

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// An answer to a range query over thousands of series is 60 MB of JSON. It is read as it comes: each value goes to its place in
// a row of numbers, and nothing of the text is kept.

// The labels that are read. All others of a series are passed over.
const (
	labelName = iota
	labelNamespace
	labelPod
	labelContainer
	labelOwnerKind
	labelOwnerName
	labelReason
	labelNode
	labelResource
	labelType
	labelRegion
	labelCapacity
	labelFamily
	labelCallee
	labelClaim
	labelSource
	labelSourceNamespace
	labelDestination
	labelDestinationNamespace
	labelCount
)

var labelNames = map[string]int{
	"__name__": labelName, "namespace": labelNamespace, "pod": labelPod, "container": labelContainer,
	"owner_kind": labelOwnerKind, "owner_name": labelOwnerName, "reason": labelReason,
	"node": labelNode, "resource": labelResource, "label_node_kubernetes_io_instance_type": labelType,
	"label_topology_kubernetes_io_region": labelRegion, "capacity": labelCapacity,
	"persistentvolumeclaim": labelClaim,
	familyLabel:             labelFamily, calleeLabel: labelCallee, addressLabel: labelCallee, // whichever a client library has
	// Istio's names, and Linkerd's.
	"source_workload": labelSource, "deployment": labelSource, "statefulset": labelSource, "daemonset": labelSource,
	"source_workload_namespace": labelSourceNamespace,
	"destination_workload":      labelDestination, "dst_deployment": labelDestination, "dst_statefulset": labelDestination, "dst_daemonset": labelDestination,
	"destination_workload_namespace": labelDestinationNamespace, "dst_namespace": labelDestinationNamespace,
}

// labelSet holds the labels of a series that are read, "" for those that it has not.
type labelSet [labelCount]string

// grid is the times that were asked for: n of them, a step apart.
type grid struct {
	first time.Time
	step  time.Duration
	n     int
}

func (g grid) at(i int) time.Time { return g.first.Add(time.Duration(i) * g.step) }

func (g grid) last() time.Time { return g.at(g.n - 1) }

// answer is what stands beside the values.
type answer struct {
	status, errorType, message string
	warned                     string // the first warning
	total, peak                int64  // samples that Prometheus read, and held at once; 0 when it does not say
	values                     int64  // that came
}

// decode reads an answer. row gives the place of each series' values, g.n of them, or nil to pass over it. Where two series
// share a row, the higher value stays. It fails with Unavailable for what is no answer of Prometheus.
func decode(r io.Reader, g grid, row func(labelSet) []float64) (answer, error) {
	d := &decoder{
		in: bufio.NewReaderSize(r, 1<<16), grid: g, first: g.first.UnixMilli(), step: max(g.step.Milliseconds(), 1), row: row, strings: map[string]string{},
	}
	err := d.object(d.top)
	if err == nil && d.out.status == "" {
		err = errors.New("it has no status")
	}
	if err != nil {
		if engine.CodeOf(err) != engine.Internal {
			return d.out, err // what the connection says of itself
		}
		return d.out, engine.Wrap(engine.Unavailable, err, "the answer is not one of Prometheus")
	}
	return d.out, nil
}

type decoder struct {
	in      *bufio.Reader
	grid    grid
	first   int64 // of the grid, in milliseconds, and its step
	step    int64
	row     func(labelSet) []float64
	strings map[string]string // one copy of each label's value
	out     answer
	text    []byte // the last string
	depth   int
}

const maxDepth = 64 // of values that are passed over

func (d *decoder) top(key string) (err error) {
	switch key {
	case "status":
		d.out.status, err = d.string()
	case "errorType":
		d.out.errorType, err = d.string()
	case "error":
		d.out.message, err = d.string()
	case "warnings":
		return d.array(func() error {
			w, err := d.string()
			if d.out.warned == "" {
				d.out.warned = w
			}
			return err
		})
	case "data":
		return d.nullable(func() error { return d.object(d.data) })
	default:
		return d.skip()
	}
	return err
}

func (d *decoder) data(key string) error {
	switch key {
	case "resultType":
		kind, err := d.string()
		if err == nil && kind != "matrix" {
			return fmt.Errorf("a %q, not a matrix", kind)
		}
		return err
	case "result":
		return d.nullable(func() error { return d.array(d.series) })
	case "stats":
		return d.nullable(func() error { return d.object(d.stats) })
	}
	return d.skip()
}

func (d *decoder) stats(key string) error {
	if key != "samples" {
		return d.skip()
	}
	return d.nullable(func() error {
		return d.object(func(key string) (err error) {
			var n float64
			switch key {
			case "totalQueryableSamples":
				n, err = d.number()
				d.out.total = int64(n)
			case "peakSamples":
				n, err = d.number()
				d.out.peak = int64(n)
			default:
				err = d.skip()
			}
			return err
		})
	})
}

func (d *decoder) series() error {
	var row []float64
	known := false
	return d.object(func(key string) error {
		switch key {
		case "metric":
			labels, err := d.metric()
			if err != nil {
				return err
			}
			row, known = d.row(labels), true
			return nil
		case "values":
			if !known {
				return errors.New("values before their labels")
			}
			return d.array(func() error { return d.sample(row) })
		}
		return d.skip()
	})
}

func (d *decoder) metric() (labels labelSet, err error) {
	err = d.object(func(key string) error {
		n, read := labelNames[key]
		if !read {
			return d.skip()
		}
		if err := d.quoted(); err != nil {
			return err
		}
		same, ok := d.strings[string(d.text)]
		if !ok {
			same = string(d.text)
			d.strings[same] = same
		}
		labels[n] = same
		return nil
	})
	return labels, err
}

// sample reads [1700000000.5,"12.5"].
func (d *decoder) sample(row []float64) error {
	if d.plain(row) {
		return nil
	}
	if err := d.expect('['); err != nil {
		return err
	}
	at, err := d.number()
	if err != nil {
		return err
	}
	if err := d.expect(','); err != nil {
		return err
	}
	if err := d.quoted(); err != nil {
		return err
	}
	value, err := strconv.ParseFloat(string(d.text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%q is not a number", d.text)
	}
	if err := d.expect(']'); err != nil {
		return err
	}
	d.out.values++
	if row == nil {
		return nil
	}
	step := float64(d.grid.step) / float64(time.Second)
	place := (at - float64(d.grid.first.UnixMilli())/1000) / step
	i := math.Round(place)
	if math.Abs(place-i)*step > 0.002 || !(i >= 0 && i < float64(len(row))) {
		return fmt.Errorf("a value at %f, which was not asked for", at)
	}
	put(row, int(i), value)
	return nil
}

// put keeps the higher of two values, and any of them before NaN.
func put(row []float64, i int, value float64) {
	if math.IsNaN(row[i]) || value > row[i] {
		row[i] = value
	}
}

// plain reads a sample as Prometheus writes most of them, at a whole second that was asked for, without a look at each byte
// through a call. It reads nothing and gives false for any other.
func (d *decoder) plain(row []float64) bool {
	b, err := d.in.Peek(min(d.in.Buffered(), 64))
	if err != nil || len(b) == 0 || b[0] != '[' {
		return false
	}
	at, i := int64(0), 1
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9' && i <= 12; i++ {
		at = at*10 + int64(b[i]-'0')
	}
	if i+1 >= len(b) || b[i] != ',' || b[i+1] != '"' {
		return false
	}
	i += 2
	end := bytes.IndexByte(b[i:], '"')
	if end < 0 || i+end+1 >= len(b) || b[i+end+1] != ']' {
		return false
	}
	value, ok := decimal(b[i : i+end])
	if !ok {
		return false
	}
	if row != nil {
		ahead := at*1000 - d.first
		place := ahead / d.step
		if ahead < 0 || ahead%d.step != 0 || place >= int64(len(row)) {
			return false
		}
		put(row, int(place), value)
	}
	d.out.values++
	_, err = d.in.Discard(i + end + 2)
	return err == nil
}

// decimal reads a number of digits and a point; ok is false for any other way to write one, and for what is none.
func decimal(b []byte) (value float64, ok bool) {
	var digits uint64
	point := -1
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9' && i < 18:
			digits = digits*10 + uint64(c-'0')
		case c == '.' && point < 0 && i > 0 && i+1 < len(b):
			point = i
		default:
			return 0, false
		}
	}
	if len(b) == 0 {
		return 0, false
	}
	behind := 0
	if point >= 0 {
		behind = len(b) - point - 1
	}
	if digits < 1<<53 { // the digits and the power of ten are exact, so that their quotient is the nearest there is
		return float64(digits) / powers[behind], true
	}
	value, err := strconv.ParseFloat(string(b), 64)
	return value, err == nil
}

var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// object reads an object, and has each value read.
func (d *decoder) object(value func(key string) error) error {
	if err := d.expect('{'); err != nil {
		return err
	}
	for n := 0; ; n++ {
		c, err := d.next()
		switch {
		case err != nil:
			return err
		case c == '}' && n == 0:
			return nil
		case n > 0 && c == '}':
			return nil
		case n > 0 && c == ',':
		case n == 0:
			if err := d.in.UnreadByte(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%q where an object goes on", c)
		}
		key, err := d.string()
		if err != nil {
			return err
		}
		if err := d.expect(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
	}
}

// array reads an array, and has each value read.
func (d *decoder) array(value func() error) error {
	if err := d.expect('['); err != nil {
		return err
	}
	for n := 0; ; n++ {
		c, err := d.next()
		switch {
		case err != nil:
			return err
		case c == ']':
			return nil
		case n > 0 && c == ',':
		case n == 0:
			if err := d.in.UnreadByte(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%q where an array goes on", c)
		}
		if err := value(); err != nil {
			return err
		}
	}
}

// nullable reads a value that may be null.
func (d *decoder) nullable(value func() error) error {
	c, err := d.next()
	if err != nil {
		return err
	}
	if err := d.in.UnreadByte(); err != nil {
		return err
	}
	if c == 'n' {
		return d.skip()
	}
	return value()
}

// skip passes over any value.
func (d *decoder) skip() error {
	if d.depth++; d.depth > maxDepth {
		return errors.New("it is nested too deeply")
	}
	defer func() { d.depth-- }()
	c, err := d.next()
	if err != nil {
		return err
	}
	if err := d.in.UnreadByte(); err != nil {
		return err
	}
	switch c {
	case '{':
		return d.object(func(string) error { return d.skip() })
	case '[':
		return d.array(d.skip)
	case '"':
		return d.quoted()
	case 't', 'f', 'n':
		return d.word(map[byte]string{'t': "true", 'f': "false", 'n': "null"}[c])
	}
	_, err = d.number()
	return err
}

func (d *decoder) word(w string) error {
	for i := range len(w) {
		c, err := d.byte()
		if err != nil {
			return err
		}
		if c != w[i] {
			return fmt.Errorf("%q in the place of %s", c, w)
		}
	}
	return nil
}

func (d *decoder) number() (float64, error) {
	c, err := d.next()
	if err != nil {
		return 0, err
	}
	d.text = d.text[:0]
	for c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E' {
		d.text = append(d.text, c)
		if c, err = d.byte(); err != nil {
			return 0, err // no number ends an answer
		}
	}
	if err := d.in.UnreadByte(); err != nil {
		return 0, err
	}
	n, err := strconv.ParseFloat(string(d.text), 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", d.text)
	}
	return n, nil
}

func (d *decoder) string() (string, error) {
	err := d.quoted()
	return string(d.text), err
}

const maxText = 1 << 20 // bytes of one string

// quoted reads a string into text.
func (d *decoder) quoted() error {
	if err := d.expect('"'); err != nil {
		return err
	}
	d.text = d.text[:0]
	escaped := false
	for {
		part, err := d.in.ReadSlice('"')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return short(err)
		}
		if d.text = append(d.text, part...); len(d.text) > maxText {
			return errors.New("a string of it is too long")
		}
		if err != nil {
			continue
		}
		slashes := 0
		for i := len(d.text) - 2; i >= 0 && d.text[i] == '\\'; i-- {
			slashes++
		}
		escaped = escaped || slashes > 0
		if slashes%2 == 0 {
			break
		}
	}
	d.text = d.text[:len(d.text)-1]
	for _, c := range d.text {
		escaped = escaped || c == '\\' || c < ' ' || c >= 0x80
	}
	if !escaped {
		return nil
	}
	var s string
	if err := json.Unmarshal([]byte(`"`+string(d.text)+`"`), &s); err != nil {
		return err
	}
	d.text = append(d.text[:0], s...)
	return nil
}

func (d *decoder) expect(want byte) error {
	c, err := d.next()
	if err != nil {
		return err
	}
	if c != want {
		return fmt.Errorf("%q where %q belongs", c, want)
	}
	return nil
}

// next is the first byte that is not white.
func (d *decoder) next() (byte, error) {
	for {
		c, err := d.byte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, nil
		}
	}
}

func (d *decoder) byte() (byte, error) {
	c, err := d.in.ReadByte()
	return c, short(err)
}

// short tells an answer that ends too early from one that broke off for a reason.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
