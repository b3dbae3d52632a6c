package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// informer keeps all pods of a cluster in memory as client-go does by default, whole, and says what that weighs.
func informer(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench informer", flag.ContinueOnError)
	kubeconfig := f.String("kubeconfig", os.Getenv("KUBECONFIG"), "the cluster")
	settle := f.Duration("settle", time.Minute, "how long to wait before memory is read")
	if err := parse(f, args); err != nil {
		return err
	}
	conf, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	conf.ContentType = "application/vnd.kubernetes.protobuf" // as the bot does
	client, err := kubernetes.NewForConfig(conf)
	if err != nil {
		return err
	}
	began := time.Now()
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	factory.Start(ctx.Done())
	for kind, ok := range factory.WaitForCacheSync(ctx.Done()) {
		if !ok {
			return errors.Join(fmt.Errorf("%v were not read", kind), ctx.Err())
		}
	}
	synced := time.Since(began)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(*settle):
	}
	r, err := residentOf(os.Getpid())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, informerLine, len(pods.GetStore().ListKeys()), synced.Seconds(), r.now, r.peak)
	return err
}

// informerLine is what informer prints, and memory reads.
const informerLine = "pods %d, synced in %f s, resident %d bytes, peak %d bytes\n"
