package price

import "github.com/eks-autopilot/autopilot/engine"

// The weights by which split cost allocation of EKS divides what an instance costs: a vCPU is 9 times a GiB, and a GPU 9 times a vCPU
// and a GiB together.
const (
	weightGPU = 9
	weightCPU = 0.9
	weightGiB = 0.1
)

// Split divides what a node costs an hour into what one vCPU, one GiB of memory and one GPU of it cost, as split cost allocation of
// EKS does. All are 0 when nothing is known of what the node has.
func Split(perHour engine.MicroUSD, cpu, gib float64, gpus int) (cpuHour, gibHour, gpuHour engine.MicroUSD) {
	units := weight(cpu, gib, float64(gpus))
	if units <= 0 || cpu < 0 || gib < 0 || gpus < 0 {
		return 0, 0, 0
	}
	unit := perHour.Dollars() / units
	if gpus > 0 {
		gpuHour = engine.Dollars(unit * weightGPU)
	}
	return engine.Dollars(unit * weightCPU), engine.Dollars(unit * weightGiB), gpuHour
}

func weight(cpu, gib, gpus float64) float64 {
	return weightCPU*cpu + weightGiB*gib + weightGPU*gpus
}
