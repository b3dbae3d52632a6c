package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// More annotations of a simulated pod that is to fail.
const (
	// ExitCodeAnnotation is the exit code of FailCrash; by default 1.
	ExitCodeAnnotation = "autopilot.local/exit-code"
	// MessageAnnotation is why the container waits with FailConfig or FailImage, and why the pod was evicted with FailEvicted.
	MessageAnnotation = "autopilot.local/message"
	// LogAnnotation is what the container has written, in this life and in the one before.
	LogAnnotation = "autopilot.local/log"
)

// startLogs serves the logs of simulated pods where the API server looks for a kubelet's. KWOK's own
// server can only send one file for all.
func (c *Cluster) startLogs() error {
	pair, err := tls.LoadX509KeyPair(filepath.Join(c.dir, "pki", "server.crt"), filepath.Join(c.dir, "pki", "server.key"))
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(c.pki.ca)
	l, err := net.Listen("tcp", net.JoinHostPort(c.net.Host, "0"))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", c.simulatedLog)
	c.logs = &http.Server{Handler: mux, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
	}}
	// It ends with Stop, which nobody needs to hear of.
	go func() { _ = c.logs.ServeTLS(l, "", "") }()
	c.logPort = l.Addr().(*net.TCPAddr).Port
	return nil
}

func (c *Cluster) simulatedLog(w http.ResponseWriter, r *http.Request) {
	pod, err := c.client.CoreV1().Pods(r.PathValue("namespace")).Get(r.Context(), r.PathValue("pod"), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	text := pod.Annotations[LogAnnotation]
	if n, err := strconv.Atoi(r.URL.Query().Get("tailLines")); err == nil {
		text = lastLines(text, n)
	}
	fmt.Fprint(w, text)
}

// lastLines is the end of a text, of at most n lines.
func lastLines(text string, n int) string {
	lines := slices.Collect(strings.Lines(text))
	return strings.Join(lines[max(0, len(lines)-max(0, n)):], "")
}
