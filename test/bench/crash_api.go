package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine/kube"
)

// apiServer is as much of a Kubernetes API server as remedies ask of one: it gives objects and lists them, and takes patches, dry or not,
// of the newest version of an object.
type apiServer struct {
	mu      sync.Mutex
	objects map[string]map[string]any // by path
	effects map[string]int            // patches that changed something, by path
}

// lists are the kinds of what is listed.
var lists = map[string][2]string{
	"replicasets":              {"apps/v1", "ReplicaSetList"},
	"horizontalpodautoscalers": {"autoscaling/v2", "HorizontalPodAutoscalerList"},
}

// ServeHTTP implements http.Handler.
func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	path, scale := strings.CutSuffix(r.URL.Path, "/scale")
	_, last, _ := strings.Cut(path[strings.LastIndex(path, "/"):], "/")
	object, found := a.objects[path]
	kind, isList := lists[last]
	switch {
	case r.Method == http.MethodGet && found:
		answer(w, http.StatusOK, object)
	case r.Method == http.MethodGet && isList:
		answer(w, http.StatusOK, map[string]any{"apiVersion": kind[0], "kind": kind[1], "metadata": map[string]any{}, "items": a.below(path, r.URL.Query().Get("labelSelector"))})
	case !found:
		refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound)
	case r.Method == http.MethodPatch:
		a.patch(w, r, path, scale)
	default:
		refuse(w, http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed)
	}
}

// below gives the objects below a path that have a label.
func (a *apiServer) below(path, selector string) []any {
	key, value, _ := strings.Cut(selector, "=")
	all := []any{}
	for _, at := range slices.Sorted(maps.Keys(a.objects)) {
		if strings.HasPrefix(at, path+"/") && (key == "" || a.objects[at]["metadata"].(map[string]any)["labels"].(map[string]any)[key] == value) {
			all = append(all, a.objects[at])
		}
	}
	return all
}

// patch takes a merge patch, or a JSON patch that replaces.
func (a *apiServer) patch(w http.ResponseWriter, r *http.Request, path string, scale bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, metav1.StatusReasonBadRequest)
		return
	}
	before, after := a.objects[path], copied(a.objects[path])
	if r.Header.Get("Content-Type") == "application/json-patch+json" {
		var steps []struct {
			Op, Path string
			Value    any
		}
		err = json.Unmarshal(body, &steps)
		for _, s := range steps {
			parent, names := after, strings.Split(strings.TrimPrefix(s.Path, "/"), "/")
			for _, name := range names[:len(names)-1] {
				parent, _ = parent[name].(map[string]any)
			}
			if s.Op != "replace" || parent == nil {
				err = fmt.Errorf("%s %s is not understood here", s.Op, s.Path)
				break
			}
			parent[names[len(names)-1]] = s.Value
		}
	} else {
		var p map[string]any
		err = json.Unmarshal(body, &p)
		merge(after, p)
	}
	was, is := before["metadata"].(map[string]any), after["metadata"].(map[string]any)
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, metav1.StatusReasonBadRequest)
		return
	case is["resourceVersion"] != was["resourceVersion"]:
		refuse(w, http.StatusConflict, metav1.StatusReasonConflict)
		return
	}
	if r.URL.Query().Get("dryRun") == "" {
		a.effects[path]++
		is["generation"] = was["generation"].(float64) + 1
		is["resourceVersion"] = fmt.Sprint(is["resourceVersion"], a.effects[path])
		a.objects[path] = after
	}
	if scale {
		after = map[string]any{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": is, "spec": map[string]any{"replicas": after["spec"].(map[string]any)["replicas"]}}
	}
	answer(w, http.StatusOK, after)
}

// merge is a JSON merge patch, but for what it removes.
func merge(into, patch map[string]any) {
	for key, value := range patch {
		p, isMap := value.(map[string]any)
		m, was := into[key].(map[string]any)
		switch {
		case isMap && was:
			merge(m, p)
		default:
			into[key] = value
		}
	}
}

// copied gives an object as JSON has it, which is a copy of one that it has already.
func copied(object any) (m map[string]any) {
	data, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		panic(err) // objects are ours
	}
	return m
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever asked may be gone
}

func refuse(w http.ResponseWriter, status int, reason metav1.StatusReason) {
	answer(w, status, metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: reason, Code: int32(status), Message: string(reason), //nolint:gosec // a status of HTTP
	})
}

// askCluster begins the steps that are requests to the API server.
const askCluster = "API server: "

// door is the way of a process to the API server: each request is a step.
type door struct {
	*httptest.Server
}

func newDoor(g *gate, a *apiServer) *door {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what := askCluster + r.Method + " " + r.URL.Path
		if r.URL.Query().Get("dryRun") != "" {
			what += ", dry"
		}
		said := httptest.NewRecorder()
		if err := g.through(r.Context(), what, func(context.Context) error { a.ServeHTTP(said, r); return nil }); err != nil {
			panic(http.ErrAbortHandler) // the connection breaks, and nothing is answered
		}
		maps.Copy(w.Header(), said.Header())
		w.WriteHeader(said.Code)
		_, _ = w.Write(said.Body.Bytes())
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	return &door{s}
}

// connect gives the cluster as the bot knows it.
func (d *door) connect(now func() time.Time) (*kube.Cluster, error) {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.Certificate().Raw})
	return kube.Connect(kube.Config{Name: crashCluster, QPS: 1000, Burst: 1000, Now: now, Log: slog.New(slog.DiscardHandler), EKS: &kube.EKS{
		Find:  func(context.Context) (string, []byte, error) { return d.URL, ca, nil },
		Token: func(context.Context) (string, time.Time, error) { return "token", now().AddDate(1, 0, 0), nil },
	}})
}
