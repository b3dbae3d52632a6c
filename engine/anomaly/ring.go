package anomaly

const window = 52

// ring holds the newest values.
type ring struct {
	at   uint8 // where the next one goes
	n    uint8
	vals [window]float32
}

func (r *ring) add(x float32) {
	r.vals[r.at] = x
	r.at = (r.at + 1) % window
	r.n = min(r.n+1, window)
}

// median is that of the newest n values, n odd; ok is false while there are fewer.
func (r *ring) median(n int) (m float32, ok bool) {
	if int(r.n) < n {
		return 0, false
	}
	var sorted [hourOf]float32
	for k := range n {
		x := r.vals[(int(r.at)+window-1-k)%window]
		j := k
		for ; j > 0 && sorted[j-1] > x; j-- {
			sorted[j] = sorted[j-1]
		}
		sorted[j] = x
	}
	return sorted[n/2], true
}
