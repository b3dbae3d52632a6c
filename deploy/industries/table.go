package main

// Industry is one business: a namespace of services that call each other as such a business would.
type Industry struct {
	Name     string
	Team     string // who owns it
	Services []Service
	Rate     int // customers' requests a second
	SLO      SLO
}

// SLO is what its customers were promised.
type SLO struct {
	Availability string // percent
	Latency      string // of 95 in 100 requests
}

// Service is one of them.
type Service struct {
	Name    string
	Callees []string // other services of the industry
	Size    Size
	Stored  bool // keeps data: a StatefulSet with a volume
	Scales  bool // an autoscaler sets its replicas
}

// Size is what a service asks for, and what it takes. Some ask for far more than they take: that is what the bot should find.
type Size int

// The sizes.
const (
	Fit    Size = iota // asks for what it takes
	Greedy             // asks for ten times the CPU
	Hoard              // asks for ten times the memory
)

var (
	usual  = SLO{Availability: "99.9", Latency: "500ms"}
	strict = SLO{Availability: "99.95", Latency: "250ms"}
)

// Industries is the table that everything here is generated from.
var Industries = []Industry{
	{"finance", "payments", []Service{
		{"gateway", []string{"accounts", "transfers"}, Fit, false, true},
		{"accounts", []string{"ledger"}, Fit, false, false},
		{"transfers", []string{"ledger", "fraud"}, Greedy, false, false},
		{"fraud", nil, Hoard, false, false},
		{"ledger", nil, Fit, true, false},
	}, 12, strict},
	{"healthcare", "care", []Service{
		{"portal", []string{"appointments", "records"}, Fit, false, true},
		{"appointments", []string{"records"}, Greedy, false, false},
		{"records", nil, Fit, true, false},
		{"imaging", []string{"records"}, Hoard, false, false},
	}, 6, strict},
	{"retail", "stores", []Service{
		{"pos", []string{"prices", "stock"}, Fit, false, true},
		{"prices", nil, Hoard, false, false},
		{"stock", nil, Fit, true, false},
		{"loyalty", []string{"prices"}, Greedy, false, false},
	}, 10, usual},
	{"ecommerce", "shop", []Service{
		{"storefront", []string{"catalog", "cart"}, Fit, false, true},
		{"catalog", []string{"search"}, Fit, false, false},
		{"search", nil, Hoard, false, false},
		{"cart", []string{"checkout"}, Fit, false, false},
		{"checkout", []string{"orders"}, Greedy, false, false},
		{"orders", nil, Fit, true, false},
	}, 20, usual},
	{"logistics", "fleet", []Service{
		{"tracking", []string{"routes", "parcels"}, Fit, false, true},
		{"routes", nil, Greedy, false, false},
		{"parcels", nil, Fit, true, false},
		{"labels", []string{"parcels"}, Hoard, false, false},
	}, 8, usual},
	{"manufacturing", "plant", []Service{
		{"lines", []string{"sensors", "quality"}, Fit, false, true}, {"sensors", nil, Fit, true, false}, {"quality", []string{"sensors"}, Greedy, false, false},
	}, 10, usual},
	{"energy", "grid", []Service{
		{"meters", []string{"readings", "tariffs"}, Fit, false, true},
		{"readings", nil, Fit, true, false},
		{"tariffs", nil, Hoard, false, false},
		{"forecast", []string{"readings"}, Greedy, false, false},
	}, 12, usual},
	{"telecom", "network", []Service{
		{"provisioning", []string{"subscribers", "billing"}, Fit, false, true},
		{"subscribers", nil, Fit, true, false},
		{"billing", []string{"rating"}, Greedy, false, false},
		{"rating", nil, Hoard, false, false},
	}, 10, strict},
	{"media", "streaming", []Service{
		{"player", []string{"playlists", "rights"}, Fit, false, true},
		{"playlists", []string{"library"}, Fit, false, false},
		{"rights", nil, Greedy, false, false},
		{"library", nil, Hoard, true, false},
	}, 15, usual},
	{"gaming", "play", []Service{
		{"lobby", []string{"matches", "players"}, Fit, false, true},
		{"matches", []string{"players"}, Greedy, false, false},
		{"players", nil, Fit, true, false},
		{"leaderboard", []string{"players"}, Hoard, false, false},
	}, 18, strict},
	{"education", "campus", []Service{
		{"courses", []string{"enrolment", "content"}, Fit, false, true}, {"enrolment", nil, Fit, true, false}, {"content", nil, Hoard, false, false},
	}, 5, usual},
	{"government", "citizens", []Service{
		{"forms", []string{"identity", "registry"}, Fit, false, true}, {"identity", nil, Greedy, false, false}, {"registry", nil, Fit, true, false},
	}, 4, usual},
	{"insurance", "claims", []Service{
		{"quotes", []string{"risk"}, Fit, false, true},
		{"risk", nil, Greedy, false, false},
		{"claims", []string{"policies"}, Fit, false, false},
		{"policies", nil, Hoard, true, false},
	}, 6, usual},
	{"travel", "booking", []Service{
		{"search", []string{"fares", "seats"}, Fit, false, true},
		{"fares", nil, Hoard, false, false},
		{"seats", nil, Fit, true, false},
		{"booking", []string{"seats", "payment"}, Fit, false, false},
		{"payment", nil, Greedy, false, false},
	}, 14, usual},
	{"automotive", "vehicles", []Service{
		{"telemetry", []string{"vehicles"}, Fit, false, true}, {"vehicles", nil, Fit, true, false}, {"updates", []string{"vehicles"}, Greedy, false, false},
	}, 16, usual},
	{"agriculture", "fields", []Service{
		{"fields", []string{"weather", "harvest"}, Fit, false, true}, {"weather", nil, Hoard, false, false}, {"harvest", nil, Fit, true, false},
	}, 3, usual},
	{"realestate", "listings", []Service{
		{"listings", []string{"photos", "viewings"}, Fit, false, true}, {"photos", nil, Hoard, false, false}, {"viewings", nil, Fit, true, false},
	}, 4, usual},
	{"pharma", "trials", []Service{
		{"trials", []string{"subjects", "samples"}, Fit, false, true},
		{"subjects", nil, Fit, true, false},
		{"samples", nil, Greedy, false, false},
		{"reports", []string{"samples"}, Hoard, false, false},
	}, 3, strict},
	{"hospitality", "rooms", []Service{
		{"reservations", []string{"rooms", "guests"}, Fit, false, true}, {"rooms", nil, Fit, true, false}, {"guests", nil, Greedy, false, false},
	}, 7, usual},
}
