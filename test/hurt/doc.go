// Package hurt tries on a real node what engine/kube/hurt does to a cluster: that each mechanism really does it, that nothing is left of it
// afterwards, also when the process that held it was killed, and that nothing else was touched.
package hurt
