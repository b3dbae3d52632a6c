package price

import (
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// What a gp3 volume has without paying for it, and where the tiers of io2 end.
const (
	gp3IOPS  = 3000
	gp3MiBps = 125
	io2Tier1 = 32_000
	io2Tier2 = 64_000
	// maxGiB is more than any volume has: above it, a number is an error.
	maxGiB = 1 << 20
)

// VolumeFacts are what the price of an EBS volume depends on.
type VolumeFacts struct {
	Account, Region, Type string
	GiB, IOPS, Throughput int64 // Throughput in MiB/s
}

// Volume gives what a volume costs a month as it is, and what a snapshot of all of it would.
//
// Where a dimension of it has no known price, the others are the price, and the note says so: the volume costs at least that. Where the
// price of snapshots is not known, a snapshot is taken to cost what the volume's size does, so that nothing is called saved.
func (b *Book) Volume(f VolumeFacts) engine.VolumePrice {
	rate, known := b.volumes[key(f.Region, f.Type)]
	if !known {
		return engine.VolumePrice{Basis: unknown("no price is known of %s volumes in %s", f.Type, f.Region)}
	}
	if f.GiB <= 0 || f.GiB > maxGiB || f.IOPS < 0 || f.Throughput < 0 || f.IOPS > 1e7 || f.Throughput > 1e6 {
		return engine.VolumePrice{Basis: unknown("a volume of %d GiB, %d IOPS and %d MiB/s has no price", f.GiB, f.IOPS, f.Throughput)}
	}
	storage := times(rate.value.GiB, f.GiB)
	extra, missing := provisioned(rate.value, f)
	p := b.effective(priced[engine.MicroUSD]{storage + extra, rate.basis}, f.Account, f.Region, "EBS:"+f.Type)
	if missing != "" {
		p.basis.Note = strings.TrimPrefix(p.basis.Note+"; "+missing, "; ")
	}
	v := engine.VolumePrice{PerMonth: p.value, SnapshotPerMonth: storage, Basis: p.basis}
	if s, known := b.snapshots[f.Region]; known {
		v.SnapshotPerMonth = b.effective(priced[engine.MicroUSD]{times(s.value, f.GiB), s.basis}, f.Account, f.Region, snapshotFamily).value
	} else {
		v.Basis.Note = strings.TrimPrefix(v.Basis.Note+"; the price of snapshots in "+f.Region+" is not known", "; ")
	}
	return v
}

// provisioned gives what IOPS and throughput cost beyond what comes with the volume, and what of it has no known price.
func provisioned(r VolumeRate, f VolumeFacts) (amount engine.MicroUSD, missing string) {
	charge := func(rate engine.MicroUSD, quantity int64, what string) {
		switch {
		case quantity <= 0:
		case rate > 0:
			amount += times(rate, quantity)
		default:
			missing = "without its " + what + ", whose price is not known"
		}
	}
	switch f.Type {
	case "gp3":
		charge(r.IOPS, f.IOPS-gp3IOPS, "IOPS")
		charge(r.MiBps, f.Throughput-gp3MiBps, "throughput")
	case "io1":
		charge(r.IOPS, f.IOPS, "IOPS")
	case "io2":
		charge(r.IOPS, min(f.IOPS, io2Tier1), "IOPS")
		charge(r.IOPS2, min(f.IOPS, io2Tier2)-io2Tier1, "IOPS above 32,000")
		charge(r.IOPS3, f.IOPS-io2Tier2, "IOPS above 64,000")
	}
	return amount, missing
}

func times(rate engine.MicroUSD, quantity int64) engine.MicroUSD {
	return rate.Times(float64(quantity))
}
