package handlers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

const (
	ratesAge    = time.Hour       // of a book of prices, before another is asked for
	ratesAgain  = 5 * time.Minute // when that could not be had
	ratesWithin = 20 * time.Second
)

// Rates knows what the nodes of one cluster cost an hour, for who watches what its workloads cost. It is not safe for use by several
// goroutines at once.
type Rates struct {
	Cluster, Account, Region string
	// Prices makes a book for what is in a snapshot; nil where only the list prices that came with this version are known.
	Prices func(ctx context.Context, s *waste.Snapshot) (*price.Book, engine.ScanCost, []engine.Gap)
	Now    func() time.Time

	book *price.Book
	next time.Time // when another is asked for
}

// Of gives the prices of nodes by their names. A node whose price nobody knows has none.
func (r *Rates) Of(ctx context.Context, nodes []*corev1.Node) map[string]engine.NodePrice {
	c := waste.Cluster{Name: r.Cluster, Account: r.Account, Region: r.Region}
	for _, n := range nodes {
		c.Nodes = append(c.Nodes, waste.Node{Node: n})
	}
	if c.Region == "" {
		c.Region = regionOf(c)
	}
	if r.book == nil || !r.Now().Before(r.next) {
		r.read(ctx, c)
	}
	out := map[string]engine.NodePrice{}
	for _, n := range c.Nodes {
		if p := r.book.Node(factsOf(c, n, waste.Instance{})); p.CPUHour > 0 {
			out[n.Name] = p
		}
	}
	return out
}

// read asks for another book. Without an answer that of before stays.
func (r *Rates) read(ctx context.Context, c waste.Cluster) {
	if r.book == nil {
		r.book = price.New(price.Prices{Lists: []price.List{price.Embedded()}})
	}
	r.next = r.Now().Add(ratesAge)
	if r.Prices == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ratesWithin)
	defer cancel()
	book, _, _ := r.Prices(ctx, &waste.Snapshot{At: r.Now(), Clusters: []waste.Cluster{c}}) // what is missing, the scan for waste says
	if ctx.Err() != nil || book == nil {
		r.next = r.Now().Add(ratesAgain)
		return
	}
	r.book = book
}
