package prom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine"
)

var testGrid = grid{time.Unix(1_700_000_000, 0), 5 * time.Minute, 4}

func matrix(result string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[` + result + `]}}`
}

// read decodes into rows by pod.
func read(r io.Reader) (map[string][]float64, answer, error) {
	rows := newRows(testGrid.n)
	out, err := decode(r, testGrid, rows.of)
	got := map[string][]float64{}
	for k, row := range rows.by {
		got[k.pod] = row
	}
	return got, out, err
}

func TestDecode(t *testing.T) {
	nan := math.NaN()
	for name, tt := range map[string]struct {
		text string
		want map[string][]float64
	}{
		"values":             {matrix(`{"metric":{"pod":"a","x":"y"},"values":[[1700000000,"1.5"],[1700000900,"12345678901234567890.5"]]}`), map[string][]float64{"a": {1.5, nan, nan, 12345678901234567890.5}}},
		"a part of a second": {matrix(`{"metric":{"pod":"a"},"values":[[1700000000.001,"1"],[1700000300,"2e3"]]}`), map[string][]float64{"a": {1, 2000, nan, nan}}},
		"white space":        {" {\n\"status\" : \"success\" ,\t\"data\":{ \"result\" : [ {\"metric\":{ \"pod\" : \"a\" },\"values\":[ [ 1700000000 , \"1\" ] ] } ] } }", map[string][]float64{"a": {1, nan, nan, nan}}},
		"the higher stays":   {matrix(`{"metric":{"pod":"a","i":"1"},"values":[[1700000000,"1"],[1700000300,"9"]]},{"metric":{"pod":"a","i":"2"},"values":[[1700000000,"3"],[1700000300,"NaN"],[1700000600,"4"]]}`), map[string][]float64{"a": {3, 9, 4, nan}}},
		"infinite":           {matrix(`{"metric":{"pod":"a"},"values":[[1700000000,"+Inf"],[1700000300,"-Inf"],[1700000600,"1e999"]]}`), map[string][]float64{"a": {math.Inf(1), math.Inf(-1), math.Inf(1), nan}}},
		"escaped":            {matrix(`{"metric":{"pod":"\u00e4\"\\\n"},"values":[[1700000000,"\u0031"]]}`), map[string][]float64{"ä\"\\\n": {1, nan, nan, nan}}},
		"nothing":            {`{"status":"success","data":{"resultType":"matrix","result":null}}`, map[string][]float64{}},
		"what is not known":  {`{"infos":[1,{"a":[true,false,null,-1.5e3]}],"status":"success","data":{"other":{},"result":[{"histograms":[[1,{"count":"2"}]],"metric":{"pod":"a"},"values":[]}]}}`, map[string][]float64{"a": {nan, nan, nan, nan}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tt.text), iotest.OneByteReader(strings.NewReader(tt.text))} {
				got, out, err := read(r)
				if diff := cmp.Diff(tt.want, got, cmpopts.EquateNaNs()); diff != "" || err != nil || out.status != "success" {
					t.Errorf("%v, %+v (-want +got):\n%s", err, out, diff)
				}
			}
		})
	}
}

func TestDecodeReadsWhatStandsBeside(t *testing.T) {
	_, out, err := read(strings.NewReader(`{"status":"success","warnings":["w1","w2"],"data":{"resultType":"matrix","result":[{"metric":{},"values":[[1700000000,"1"],[1700000300,"1"]]}],
		"stats":{"timings":{"evalTotalTime":0.1},"samples":{"totalQueryableSamplesPerStep":[[1,2]],"totalQueryableSamples":1987489,"peakSamples":42}}}}`))
	want := answer{status: "success", warned: "w1", total: 1987489, peak: 42, values: 2}
	if err != nil || out != want {
		t.Errorf("%v, %+v, want %+v", err, out, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                   "",
		"a login page":              "<html>log in</html>",
		"no status":                 `{}`,
		"a vector":                  `{"status":"success","data":{"resultType":"vector","result":[]}}`,
		"an end too early":          matrix(`{"metric":{"pod":"a"},"values":[[1700000000,"1"],[17000`)[:100],
		"a text for a number":       matrix(`{"metric":{"pod":"a"},"values":[[1700000000,"one"]]}`),
		"a time not asked for":      matrix(`{"metric":{"pod":"a"},"values":[[1700000001,"1"]]}`),
		"a time before":             matrix(`{"metric":{"pod":"a"},"values":[[1699999700,"1"]]}`),
		"a time behind":             matrix(`{"metric":{"pod":"a"},"values":[[1700001200,"1"]]}`),
		"values before the labels":  matrix(`{"values":[[1700000000,"1"]],"metric":{"pod":"a"}}`),
		"a third of a sample":       matrix(`{"metric":{"pod":"a"},"values":[[1700000000,"1",2]]}`),
		"nested for ever":           `{"status":"success","x":` + strings.Repeat("[", 1000),
		"a bad escape":              matrix(`{"metric":{"pod":"\x"},"values":[]}`),
		"a string without an end":   `{"status":"` + strings.Repeat("x", maxText+1),
		"a comma too many":          matrix(`{"metric":{"pod":"a"},"values":[[1700000000,"1"],]}`),
		"a number for a dictionary": `{"status":"success","data":5}`,
	} {
		if _, out, err := read(strings.NewReader(text)); engine.CodeOf(err) != engine.Unavailable {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	broken := errors.New("the line broke")
	if _, _, err := read(io.MultiReader(strings.NewReader(`{"status":"succ`), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("what the connection says is lost: %v", err)
	}
}

// FuzzDecode holds the decoder against encoding/json: what both take, they read alike; it never panics.
func FuzzDecode(f *testing.F) {
	f.Add(matrix(`{"metric":{"pod":"a"},"values":[[1700000000,"1.5"],[1700000300.5,"NaN"]]}`))
	f.Add(matrix(`{"metric":{"pod":"a"},"values":[[1700000000,"00012.50"],[1700000300,"9007199254740993"],[1700000600,"0.1234567890123456"]]}`))
	f.Add(`{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory"}`)
	f.Add(`{"status":"success","warnings":["\u00e4"],"data":{"resultType":"matrix","result":[],"stats":{"samples":{"peakSamples":1e3}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, _, err := read(strings.NewReader(text))
		if err != nil {
			return
		}
		var oracle struct {
			Data struct {
				Result []struct {
					Metric map[string]string
					Values [][2]any
				}
			}
		}
		d := json.NewDecoder(strings.NewReader(text)) // as ours, it does not look behind the answer
		d.UseNumber()
		if d.Decode(&oracle) != nil || strings.Contains(text, `\`) || strings.Count(text, `"data"`) != 1 || strings.Count(text, `"result"`) != 1 || strings.Count(text, `"pod"`) > len(oracle.Data.Result) {
			return // keys that stand twice, or are written otherwise, are read as the other likes
		}
		want := map[string][]float64{}
		for _, s := range oracle.Data.Result {
			if want[s.Metric["pod"]] == nil {
				want[s.Metric["pod"]] = blank(testGrid.n)
			}
			for _, v := range s.Values {
				at, ok := v[0].(json.Number)
				text, isText := v[1].(string)
				if !ok || !isText {
					return // values of another shape were passed over
				}
				seconds, err := at.Float64()
				if err != nil {
					return
				}
				value, err := strconv.ParseFloat(text, 64)
				if err != nil && !errors.Is(err, strconv.ErrRange) {
					t.Fatalf("took %q for a number", text)
				}
				put(want[s.Metric["pod"]], int(math.Round((seconds-1_700_000_000)/300)), value)
			}
		}
		for pod, row := range want {
			if have := got[pod]; have != nil && !cmp.Equal(row, have, cmpopts.EquateNaNs()) && strings.Count(text, `"values"`) == len(oracle.Data.Result) {
				t.Errorf("pod %q: %v, want %v", pod, have, row)
			}
		}
	})
}

func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"0", "1.5", "12345.678901234", "9007199254740993", "0.3", "1e5", ".5", "5.", "-1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := decimal([]byte(s))
		want, err := strconv.ParseFloat(s, 64)
		if ok && (err != nil || got != want) {
			t.Errorf("%q: %v, want %v (%v)", s, got, want, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var text bytes.Buffer
	g := grid{time.Unix(1_780_000_000, 0), 5 * time.Minute, 2304}
	text.WriteString(`{"status":"success","data":{"resultType":"matrix","result":[`)
	for s := range 20 {
		if s > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"metric":{"__name__":"x","namespace":"a","pod":"p%d","container":"c"},"values":[`, s)
		for i := range g.n {
			if i > 0 {
				text.WriteByte(',')
			}
			fmt.Fprintf(&text, `[%d,"%v"]`, g.at(i).Unix(), float64(i)*123.456789123)
		}
		text.WriteString(`]}`)
	}
	text.WriteString(`]}}`)
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := decode(bytes.NewReader(text.Bytes()), g, newRows(g.n).of); err != nil {
			b.Fatal(err)
		}
	}
}
