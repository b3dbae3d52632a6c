package digest_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

func date(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

// course is a way in which a cost goes on: dollars a day, over many days.
type course struct {
	name   string
	amount func(r *rand.Rand) func(n int) float64
}

// wobble is noise that is not normal: mostly little, now and then much.
func wobble(r *rand.Rand, share float64) float64 { return 1 + share*math.Pow(2*r.Float64()-1, 3)*2.6 }

func weekly(n int) float64 {
	if n%7 >= 5 {
		return 0.7
	}
	return 1
}

var courses = []course{
	{"flat with weekends", func(r *rand.Rand) func(int) float64 {
		return func(n int) float64 { return 1000 * weekly(n) * wobble(r, 0.05) }
	}},
	{"noisy", func(r *rand.Rand) func(int) float64 {
		return func(int) float64 { return 1000 * math.Exp(0.4*r.NormFloat64()) }
	}},
	{"grows", func(r *rand.Rand) func(int) float64 {
		return func(n int) float64 { return (1000 + 8*float64(n)) * weekly(n) * wobble(r, 0.08) }
	}},
	{"falls", func(r *rand.Rand) func(int) float64 {
		return func(n int) float64 { return 1000 * math.Pow(0.996, float64(n)) * weekly(n) * wobble(r, 0.08) }
	}},
	{"steps", func(r *rand.Rand) func(int) float64 {
		level := 1000.0
		return func(n int) float64 {
			if r.IntN(40) == 0 {
				level *= 0.7 + 0.6*r.Float64()
			}
			return level * weekly(n) * wobble(r, 0.05)
		}
	}},
	{"wanders", func(r *rand.Rand) func(int) float64 {
		level := 1000.0
		return func(int) float64 {
			level *= 1 + 0.02*r.NormFloat64()
			return level
		}
	}},
	{"credits", func(r *rand.Rand) func(int) float64 {
		return func(n int) float64 {
			if r.IntN(45) == 0 {
				return -3000
			}
			return 1000 * weekly(n) * wobble(r, 0.1)
		}
	}},
	{"all below zero", func(r *rand.Rand) func(int) float64 {
		return func(n int) float64 { return -500 * weekly(n) * wobble(r, 0.2) }
	}},
}

// TestForecastCoverage plays months to their end: 80 % of them shall end between Low and High, whatever the cost does.
func TestForecastCoverage(t *testing.T) {
	hits, plays := 0, 0
	for _, c := range courses {
		hit, played := 0, 0
		for seed := range uint64(30) {
			for _, days := range []int{28, 91} {
				for _, lack := range []float64{0, 0.06} {
					switch within, ok := play(c, seed, days, lack); {
					case !ok:
					case within:
						hit++
						fallthrough
					default:
						played++
					}
				}
			}
		}
		if share := float64(hit) / float64(played); share < 0.70 || share > 0.95 || played < 100 {
			t.Errorf("%s: %d of %d months (%.0f %%) ended between Low and High", c.name, hit, played, 100*share)
		}
		hits, plays = hits+hit, plays+played
	}
	if share := float64(hits) / float64(plays); share < 0.77 || share > 0.88 {
		t.Errorf("%.0f %% of all months ended between Low and High; 80 %% is wanted", 100*share)
	}
}

// play forecasts a month of which days of history are known, but for those that are lacking, and tells whether it ended as it was said.
// ok is false where next to nothing of the month was left to forecast.
func play(c course, seed uint64, days int, lack float64) (within, ok bool) {
	r := rand.New(rand.NewPCG(seed, 1))
	next := c.amount(r)
	f := factsUntil(date("2026-01-05").AddDate(0, 0, 7*r.IntN(30)))
	month := engine.PeriodOf(engine.Monthly, f.Period.To.AddDate(0, 0, -1))
	var actual engine.MicroUSD
	n := 0
	for day := f.Period.To.AddDate(0, 0, -days); day.Before(month.To); day = day.AddDate(0, 0, 1) {
		amount := engine.Dollars(next(n))
		n++
		if !day.Before(month.From) {
			actual += amount
		}
		if day.Before(f.Period.To) && r.Float64() >= lack {
			know(&f, day, amount)
		}
	}
	got := digest.Make(f, digest.Rules{}).Forecast
	if got == nil || month.To.Sub(f.Period.To) < 48*time.Hour {
		return false, false
	}
	return got.Low <= actual && actual <= got.High, true
}

// factsUntil are facts of the week that ends at a Monday.
func factsUntil(monday time.Time) digest.Facts {
	return digest.Facts{Period: engine.PeriodOf(engine.Weekly, monday.AddDate(0, 0, -1)), AsOf: monday.AddDate(0, 0, 2)}
}

// know adds a day with a whole bill.
func know(f *digest.Facts, day time.Time, amount engine.MicroUSD) {
	f.Known = append(f.Known, digest.KnownDay{Day: day, SavedAt: day.AddDate(0, 0, 3)})
	f.Days = append(f.Days, digest.DaySum{Day: day, Amount: amount})
}

// steady are facts of so many days at so much until a Monday in the middle of June 2026, of which 16 days are to come.
func steady(days int, amount func(day time.Time) engine.MicroUSD) digest.Facts {
	f := factsUntil(date("2026-06-15"))
	for n := days; n > 0; n-- {
		day := f.Period.To.AddDate(0, 0, -n)
		know(&f, day, amount(day))
	}
	return f
}

func hundred(time.Time) engine.MicroUSD { return 100 * engine.USD }

func forecast(t *testing.T, f digest.Facts) engine.Forecast {
	t.Helper()
	got := digest.Make(f, digest.Rules{}).Forecast
	if got == nil {
		t.Fatal("nothing is forecast")
	}
	return *got
}

func TestForecastOfASteadyMonth(t *testing.T) {
	got := forecast(t, steady(91, hundred))
	if got.Mid != 3000*engine.USD || got.SoFar != 1400*engine.USD || !got.Month.Equal(date("2026-06-01")) || got.Before != 3100*engine.USD || got.Basis != 56 {
		t.Errorf("forecast is %+v", got)
	}
	if len(got.Days) != 16 || !got.Days[0].Day.Equal(date("2026-06-15")) || got.Days[0].Mid != 100*engine.USD {
		t.Errorf("days to come: %+v", got.Days)
	}
	// Nothing is sure: a floor of 1 % of the 1,600 dollars that are to come.
	if got.Low != got.Mid-16*engine.USD || got.High != got.Mid+16*engine.USD {
		t.Errorf("it is said to be between %s and %s", got.Low, got.High)
	}
}

func TestForecastNeedsThreeWeeks(t *testing.T) {
	for days, want := range map[int]bool{0: false, 1: false, 20: false, 21: true, 22: true} {
		if got := digest.Make(steady(days, hundred), digest.Rules{}).Forecast; (got != nil) != want {
			t.Errorf("of %d days the forecast is %+v", days, got)
		}
	}
}

func TestForecastLearnsTheWeekAndTheTrend(t *testing.T) {
	weekend := func(day time.Time) engine.MicroUSD {
		if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
			return 40 * engine.USD
		}
		return 100 * engine.USD
	}
	if got := forecast(t, steady(91, weekend)); got.Mid != 22*100*engine.USD+8*40*engine.USD {
		t.Errorf("with weekends June comes to %s, not to $2,520.00", got.Mid)
	}
	growing := func(day time.Time) engine.MicroUSD {
		return 100*engine.USD + engine.MicroUSD(day.Sub(date("2026-03-01"))/(24*time.Hour))*engine.USD
	}
	got := forecast(t, steady(91, growing))
	flat := got.SoFar + 16*205*engine.USD // as the last day
	if truth := got.SoFar + 16*205*engine.USD + 136*engine.USD; got.Mid <= flat || got.Mid >= truth || got.High < truth {
		t.Errorf("growing, June comes to %s (%s to %s); it would be %s if growth ended today, and %s if it went on", got.Mid, got.Low, got.High, flat, truth)
	}
}

func TestForecastFollowsAStepAndNotAnAccident(t *testing.T) {
	step := date("2026-06-11")
	stepped := forecast(t, steady(91, func(day time.Time) engine.MicroUSD {
		if day.Before(step) {
			return 100 * engine.USD
		}
		return 150 * engine.USD
	}))
	if stepped.Days[0].Mid != 150*engine.USD {
		t.Errorf("four days after a step to $150, the next day is said to be %s", stepped.Days[0].Mid)
	}
	for name, amount := range map[string]engine.MicroUSD{"credit": -5000 * engine.USD, "fee": 5000 * engine.USD, "nothing": 0} {
		odd := forecast(t, steady(91, func(day time.Time) engine.MicroUSD {
			if day.Equal(date("2026-06-10")) {
				return amount
			}
			return 100 * engine.USD
		}))
		if odd.Mid-odd.SoFar != 1600*engine.USD {
			t.Errorf("after a day of %s (%s) 16 days are said to come to %s", name, amount, odd.Mid-odd.SoFar)
		}
	}
}

func TestForecastOfDaysThatAreNotWhole(t *testing.T) {
	whole := forecast(t, steady(91, hundred))

	lacking := steady(91, hundred)
	lacking.Known, lacking.Days = lacking.Known[:90], lacking.Days[:90]
	got := forecast(t, lacking)
	if got.Mid != whole.Mid || got.SoFar != 1300*engine.USD || len(got.Days) != 17 || !got.Days[0].Day.Equal(date("2026-06-14")) {
		t.Errorf("without the last day's bill: %+v", got)
	}

	hole := steady(91, hundred)
	hole.Known, hole.Days = append(hole.Known[:80:80], hole.Known[81:]...), append(hole.Days[:80:80], hole.Days[81:]...)
	if got = forecast(t, hole); got.Mid != whole.Mid || !got.Days[0].Day.Equal(date("2026-06-04")) || got.Days[0].Mid != 100*engine.USD {
		t.Errorf("with a hole: %+v", got)
	}

	// A bill that was asked for twelve hours after its day has little of it yet.
	young := steady(91, hundred)
	young.Known[90].SavedAt = date("2026-06-15").Add(12 * time.Hour)
	young.Days[90].Amount = 30 * engine.USD
	if got = forecast(t, young); got.Mid != whole.Mid || got.SoFar != 1330*engine.USD || got.Days[0].Mid != 100*engine.USD || got.Basis != 56 {
		t.Errorf("with a young bill: %+v", got)
	}
	young.Days[90].Amount = 170 * engine.USD
	if got = forecast(t, young); got.Mid != whole.Mid+70*engine.USD || got.Days[0].Low != 170*engine.USD {
		t.Errorf("a young bill that is dear already will not shrink: %+v", got)
	}

	partial := steady(91, hundred)
	partial.Known[85].Partial, partial.Days[85].Amount = true, 10*engine.USD
	if got = forecast(t, partial); got.Mid != whole.Mid || got.SoFar != 1310*engine.USD {
		t.Errorf("with a payer's bill lacking: %+v", got)
	}
}

func TestForecastKeepsEstimatesAndBillsApart(t *testing.T) {
	f := steady(91, hundred)
	for k := range 60 {
		f.Known[k].Estimated, f.Days[k].Amount = true, 900*engine.USD
	}
	got := forecast(t, f)
	if got.Mid != 3000*engine.USD || got.Basis != 31 {
		t.Errorf("bills are forecast from estimates: %+v", got)
	}
	for k := range 72 {
		f.Known[k].Estimated = true
	}
	if got := digest.Make(f, digest.Rules{}).Forecast; got != nil {
		t.Errorf("19 days of bills are too few: %+v", got)
	}
}

func TestForecastTakesAnAdjustmentForNoDay(t *testing.T) {
	f := steady(91, hundred)
	for k := range f.Days {
		if f.Days[k].Day.Day() == 1 {
			f.Days[k].Amount, f.Days[k].Adjustment = -4900*engine.USD, -5000*engine.USD
		}
	}
	got := forecast(t, f)
	if got.SoFar != -3600*engine.USD || got.Mid != -2000*engine.USD || got.High-got.Low != 32*engine.USD {
		t.Errorf("with adjustments: %+v", got)
	}
	for k := range f.Known {
		f.Known[k].Partial = f.Known[k].Day.Equal(date("2026-06-01"))
	}
	if got = forecast(t, f); got.SoFar != -3600*engine.USD || got.Mid != -2000*engine.USD {
		t.Errorf("with an adjustment on a day that is not whole: %+v", got)
	}
}

func TestForecastOfAMonthThatIsOver(t *testing.T) {
	f := factsUntil(date("2026-06-01"))
	for day := date("2026-03-01"); day.Before(f.Period.To); day = day.AddDate(0, 0, 1) {
		know(&f, day, 100*engine.USD+7)
	}
	got := forecast(t, f)
	if got.Mid != 31*(100*engine.USD+7) || got.Low != got.Mid || got.High != got.Mid || got.SoFar != got.Mid || len(got.Days) != 0 {
		t.Errorf("all of May is known: %+v", got)
	}
	f.Period = engine.PeriodOf(engine.Monthly, date("2026-05-01"))
	if got = forecast(t, f); !got.Month.Equal(date("2026-06-01")) || got.Mid != 30*(100*engine.USD+7) || got.SoFar != 0 || got.Before != 31*(100*engine.USD+7) {
		t.Errorf("after May's digest comes June: %+v", got)
	}
}

func TestNoForecastFromOldBills(t *testing.T) {
	f := steady(91, hundred)
	f.Known, f.Days = f.Known[:60], f.Days[:60] // the newest is of 14 May
	if got := digest.Make(f, digest.Rules{}).Forecast; got != nil {
		t.Errorf("a month is forecast from bills that ended long before it: %+v", got)
	}
}
