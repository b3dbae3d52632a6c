// Command image builds the container images of the bot, the chaos agent and the demo workload, without a container engine: one static
// program a layer, for each architecture, with the certificates of public authorities and a list of what it is made of (SPDX). The same
// source gives the same digest.
//
//	go run ./deploy/image -out dist                       # OCI layouts in dist/, an SPDX file beside each
//	go run ./deploy/image -push ghcr.io/eks-autopilot -tag v1.2.3
//
// It is what deploy/Dockerfile says, for those who have Docker. Whoever pushes is logged in as docker login leaves it.
package main
