package prom

// resourcesMetric is what kube-state-metrics says that containers ask for.
const resourcesMetric = "kube_pod_container_resource_requests"

// gpuResource is how it names the GPUs of NVIDIA.
const gpuResource = "nvidia_com_gpu"

// taken is what a pod has of its node: of each resource what it asks for, or what it uses where that is more.
type taken struct{ cpu, memory, gpus float64 }

// hold notes what a pod asks for or uses.
func (f *folding) hold(p *folded, at object, cpu, memory, gpus float64) {
	if f.price == nil {
		return
	}
	if p.held == nil {
		p.held = map[object]*taken{}
	}
	h := p.held[at]
	if h == nil {
		h = &taken{}
		p.held[at] = h
	}
	h.cpu, h.memory, h.gpus = max(h.cpu, cpu), max(h.memory, memory), max(h.gpus, gpus)
}

// cost is what a workload's pods cost an hour, in dollars. It is not known when that of a pod's node is not: of a part, a rise would say
// no more than that a price was found.
func (f *folding) cost(p *folded) (dollars float64, known bool) {
	for at, h := range p.held {
		price, ok := f.price(at.namespace, at.name)
		if !ok {
			return 0, false
		}
		dollars += h.cpu*price.CPUHour.Dollars() + h.memory/(1<<30)*price.GiBHour.Dollars() + h.gpus*price.GPUHour.Dollars()
	}
	return dollars, len(p.held) > 0
}
