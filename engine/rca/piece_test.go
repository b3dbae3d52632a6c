package rca

import (
	"fmt"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

var onset = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

// piece makes a line of evidence from "key=value" fields; "object", "container" and "at" (seconds before the onset) are its head.
func piece(k engine.EvidenceKind, fields ...string) engine.Evidence {
	e := engine.Evidence{
		ID: fmt.Sprintf("%s/%d", k, len(strings.Join(fields, ""))), Kind: k, Fields: map[string]string{},
		Object: engine.ObjectRef{Kind: "Pod", Namespace: "payments", Name: "api-7d9f-x1"}, Container: "api",
	}
	for _, f := range fields {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "id":
			e.ID = value
		case "node":
			e.Object = engine.ObjectRef{Kind: engine.KindNode, Name: value}
		case "name":
			e.Object.Name = value
			e.Fields["name"] = value
		case "ago":
			d, err := time.ParseDuration(value)
			if err != nil {
				panic(err)
			}
			e.At = onset.Add(-d)
			e.Fields["age"] = value
		default:
			e.Fields[key] = value
		}
	}
	e.Text = strings.Join(fields, ", ")
	if k == engine.EvidenceChange {
		e.Text = changeText(e)
	}
	return e
}

func logLine(text string) engine.Evidence {
	return piece(engine.EvidenceLog, "id=log/"+text, "line="+text, "previous=true")
}

func event(reason, message string) engine.Evidence {
	return piece(engine.EvidenceEvent, "type=Warning", "reason="+reason, "message="+message)
}

func ended(code int, reason string) engine.Evidence {
	return piece(engine.EvidenceTermination, "id=end", fmt.Sprintf("exit_code=%d", code), "reason="+reason)
}

func incidentOf(kind string, classes ...engine.Class) engine.Incident {
	i := engine.Incident{
		ID: 42, Workload: engine.Workload{Cluster: "prod", Namespace: "payments", Kind: kind, Name: "api"}, Classes: classes, StartedAt: onset,
	}
	if kind == engine.KindNode {
		i.Workload = engine.Workload{Cluster: "prod", Kind: kind, Name: "ip-10-0-3-4.ec2.internal"}
	}
	return i
}
