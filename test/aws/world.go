package aws

import (
	"time"
)

// World is what there is in the accounts. It may be changed between calls through Server.Change.
type World struct {
	Instances  []Instance
	Volumes    []Volume
	Snapshots  []Snapshot
	Groups     []AutoScalingGroup
	Clusters   []Cluster
	Versions   []ClusterVersion
	SpotPrices []SpotPrice
	Products   []Product
	Costs      []CostLine
	Coverage   []Coverage
	Tables     map[string]Table // what Athena answers, by a word of the query
	Buckets    []Bucket
	Senders    []Sender
	Mails      []Mail // that were taken
	Models     []Model

	FaultTemplates []FaultTemplate // of AWS FIS
	FaultRuns      []FaultRun
}

// Instance is an EC2 instance.
type Instance struct {
	Account, Region, ID, Type, Zone string
	State                           string // running when empty
	Spot                            bool
	PrivateDNS                      string
	Platform                        string // Linux/UNIX when empty
	Launched                        time.Time
	Tags                            map[string]string
}

// Volume is an EBS volume. It is in use while something is attached.
type Volume struct {
	Account, Region, ID, Type, Zone string
	State                           string    // derived from Attachments when empty
	Gone                            time.Time // when its deletion is over; zero unless it is being deleted
	GiB, IOPS, Throughput           int64
	Created                         time.Time
	SnapshotID                      string
	Encrypted, MultiAttach          bool
	Attachments                     []Attachment
	Tags                            map[string]string
}

// Attachment is a volume at an instance.
type Attachment struct {
	Instance, Device string
	State            string // attached when empty
	At               time.Time
}

// Snapshot is an EBS snapshot.
type Snapshot struct {
	Account, Region, ID, VolumeID string
	State                         string // completed when empty, but pending before Ready
	Started, Ready                time.Time
	Made                          bool // by CreateSnapshot
	GiB                           int64
	Description                   string
	Tags                          map[string]string
}

// AutoScalingGroup is an EC2 Auto Scaling group. Its instances are those of World that are named.
type AutoScalingGroup struct {
	Account, Region, Name string
	Min, Max, Desired     int
	Zones                 []string
	Instances             []string
	Protected             []string // instances
	Suspended             []string // processes
	Created               time.Time
	Tags                  map[string]string
}

// Cluster is an EKS cluster with its managed node groups.
type Cluster struct {
	Account, Region, Name, Version string
	Endpoint, CA                   string
	Nodegroups                     []Nodegroup
}

// ClusterVersion is a Kubernetes version that EKS has, with the ends of its support.
type ClusterVersion struct {
	Version            string
	Standard, Extended time.Time
}

// Nodegroup is an EKS managed node group.
type Nodegroup struct {
	Name              string
	Min, Max, Desired int
	Spot              bool
	Types, Subnets    []string
	Autoscaling       string // the group under it
	Labels, Tags      map[string]string
	Created           time.Time
}

// SpotPrice is what an instance type costs as Spot in a zone, from a time on.
type SpotPrice struct {
	Region, Zone, Type string
	Product            string // Linux/UNIX when empty
	USD                string // "0.0412"
	At                 time.Time
}

// Product is one line of the price list, with its on-demand price.
type Product struct {
	Service, SKU, Family string // AmazonEC2, …, "Compute Instance"
	Attributes           map[string]string
	Unit                 string // Hrs, GB-Mo, …
	USD                  string
	Effective            time.Time
	Raw                  string // answered instead of all the rest, for what is malformed
}

// CostLine is what was used and paid of one usage type in one day.
type CostLine struct {
	Day                            string // 2006-01-02
	Account, Region, Service       string
	UsageType, InstanceType        string
	PurchaseType, RecordType       string // "On Demand Instances", "Usage"
	Quantity                       float64
	Unblended, Amortized, OnDemand float64 // dollars
	NetUnblended, NetAmortized     float64 // only with discounts; 0 means as without
	Estimated                      bool
	Tags                           map[string]string
}

// Coverage is the share of hours of a day that commitments covered.
type Coverage struct {
	Day, Account, Region string
	Family               string // m5
	Covered, OnDemand    float64
}

// Table is what Athena answers.
type Table struct {
	Columns []string
	Rows    [][]string
}
