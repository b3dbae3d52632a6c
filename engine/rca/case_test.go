package rca

import "github.com/eks-autopilot/autopilot/engine"

// cases are incidents as they look on a cluster: the words are those of the kubelet, the scheduler, containerd 2 and the controllers.
var cases = []struct {
	name     string
	kind     string
	classes  []engine.Class
	evidence []engine.Evidence
	rule     string
	title    string // part of it
	step     string // part of the first cause's command or field
}{
	{
		"a database that refuses", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{
			ended(3, "Error"), logLine("starting"), logLine("FATAL: cannot connect to db:5432: connection refused"),
			piece(engine.EvidenceReference, "kind=Service", "name=db", "exists=true", "detail=0 of 1 endpoints ready"),
			event("BackOff", "Back-off restarting failed container api in pod api-7d9f-x1_payments(uid)"),
		},
		"crash/dependency-refused", "cannot reach db:5432", "kubectl -n payments describe service db",
	},
	{
		"a database that is not there", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{
			ended(3, "Error"), logLine("FATAL: cannot connect to db:5432: connection refused"),
			piece(engine.EvidenceReference, "kind=Service", "name=db", "exists=false", "used_by=env DB_HOST of container api"),
		},
		"crash/dependency-refused", "cannot reach db:5432", "kubectl -n payments get services",
	},
	{
		"a service that selects no pod", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{
			ended(3, "Error"), logLine("FATAL: cannot connect to db:5432: connection refused"),
			piece(engine.EvidenceReference, "kind=Service", "name=db", "exists=true", "detail=0 of 0 endpoints ready"),
		},
		"crash/dependency-refused", "cannot reach db:5432", "kubectl -n payments describe service db",
	},
	{
		"a service that is well, at another port", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{
			ended(3, "Error"), logLine("FATAL: cannot connect to db:5433: connection refused"),
			piece(engine.EvidenceReference, "kind=Service", "name=db", "exists=true", "detail=2 of 2 endpoints ready"),
		},
		"crash/dependency-refused", "cannot reach db:5433", "kubectl -n payments get service db",
	},
	{
		"a host that a change set", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{
			ended(3, "Error"), logLine("FATAL: cannot connect to database:5432: connection refused"),
			piece(engine.EvidenceReference, "kind=Service", "name=database", "exists=false", "used_by=env DB_HOST of container api"),
			piece(engine.EvidenceChange, "what=env", "from=DB_HOST=db", "to=DB_HOST=database", "container=api", "revision=7", "by=kubectl-edit", "ago=4s"),
		},
		"crash/dependency-refused", "cannot reach database:5432", "kubectl -n payments rollout undo deployment/api",
	},
	{
		"a host outside the cluster that does not answer", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(1, "Error"), logLine("dial tcp db.example.com:5432: i/o timeout")},
		"crash/dependency-timeout", "cannot reach db.example.com:5432", "get networkpolicies",
	},
	{
		"AWS that does not let it", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(1, "Error"), logLine("operation error S3: GetObject, AccessDeniedException: User is not authorized to perform: s3:GetObject")},
		"crash/dependency-auth", "AWS refuses the credentials", "describe serviceaccounts",
	},
	{
		"a certificate", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(1, "Error"), logLine("x509: certificate has expired or is not yet valid")},
		"crash/tls", "certificate has expired", "kubectl -n payments logs api-7d9f-x1 -c api --previous --tail=100",
	},
	{
		"a setting that is wrong", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(1, "Error"), logLine("nginx: [emerg] unknown directive \"servr\" in /etc/nginx/nginx.conf:3")},
		"crash/bad-config", "the configuration is wrong", "logs api-7d9f-x1",
	},
	{
		"a library that the new image lacks", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{
			ended(1, "Error"), logLine("ModuleNotFoundError: No module named 'requests'"),
			piece(engine.EvidenceChange, "what=image", "from=api:1", "to=api:2", "container=api", "revision=2", "by=argocd-controller shop", "ago=1m"),
		},
		"crash/missing-module", "a library is missing: requests", "containers[name=api].image",
	},
	{
		"a full volume", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(1, "Error"), logLine("write /data/wal: no space left on device")},
		"crash/disk-full", "no space left", "describe deployment api",
	},
	{
		"a full heap", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(1, "Error"), logLine("java.lang.OutOfMemoryError: Java heap space")},
		"crash/heap", "own heap is full", "resources.limits.memory",
	},
	{
		"another processor", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(1, "Error"), logLine("exec /app/api: exec format error")},
		"crash/exec-format", "another processor", "kubectl get nodes -L kubernetes.io/arch",
	},
	{
		"a file that it may not open", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(1, "Error"), logLine("open /data/lock: permission denied")},
		"crash/permission", "permission denied: /data/lock", "securityContext",
	},
	{
		"a segmentation fault after a new image", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{
			ended(139, "Error"), piece(engine.EvidenceChange, "what=image", "from=api:1", "to=api:2", "container=api", "revision=2", "by=helm api", "ago=1m"),
		},
		"exit/segfault", "segmentation fault", "rollout undo deployment/api",
	},
	{
		"a limit that was lowered", "Deployment",
		[]engine.Class{engine.ClassOOMKilled},
		[]engine.Evidence{
			piece(engine.EvidenceContainer, "state=running", "memory_limit=64Mi"), ended(137, "OOMKilled"),
			piece(engine.EvidenceChange, "what=resources", "from=limits.memory=128Mi", "to=limits.memory=64Mi", "container=api", "revision=2", "by=kubectl", "ago=1m"),
		},
		"oom/limit", "limit of 64Mi", "rollout undo deployment/api",
	},
	{
		"an image of another processor", "Deployment",
		[]engine.Class{engine.ClassImagePull},
		[]engine.Evidence{event("Failed", `Failed to pull image "a:1": rpc error: code = NotFound desc = failed to pull and unpack image "a:1": no match for platform in manifest: not found`)},
		"image/no-platform", "not made for the node's processor", "kubectl get nodes -L kubernetes.io/arch",
	},
	{
		"a node that Kubernetes tainted", "Deployment",
		[]engine.Class{engine.ClassUnschedulable},
		[]engine.Evidence{event("FailedScheduling", "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.")},
		"schedule/taint", "disk-pressure", "kubectl describe nodes",
	},
	{
		"nodes that hold no more pods", "Deployment",
		[]engine.Class{engine.ClassUnschedulable},
		[]engine.Evidence{event("FailedScheduling", "0/3 nodes are available: 3 Too many pods. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.")},
		"schedule/too-many-pods", "as many pods as they may", "allocatable.pods",
	},
	{
		"a host port that is taken", "Deployment",
		[]engine.Class{engine.ClassUnschedulable},
		[]engine.Evidence{event("FailedScheduling", "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.")},
		"schedule/ports", "host port", "-n payments get pods -o wide",
	},
	{
		"a node that is gone", engine.KindNode,
		[]engine.Class{engine.ClassNodeNotReady},
		[]engine.Evidence{piece(engine.EvidenceNode, "node=n1", "ready=Unknown", "reason=NodeGone")},
		"node/gone", "removed from the cluster", "involvedObject.name=n1",
	},
	{
		"a user with a name", "Deployment",
		[]engine.Class{engine.ClassConfigError},
		[]engine.Evidence{event("Failed", `Error: container has runAsNonRoot and image has non-numeric user (node), cannot verify user is non-root (pod: "api", container: api)`)},
		"config/run-as-root", "user has a name", "securityContext.runAsUser",
	},
	{
		"a ConfigMap that was edited, and nothing else known", "Deployment",
		[]engine.Class{engine.ClassProbeFailing},
		[]engine.Evidence{piece(engine.EvidenceChange, "what=configmap", "from=api-config", "to=edited", "by=kubectl", "ago=3m")},
		"rollout/change", "ConfigMap api-config was edited", "describe configmap api-config",
	},
	{
		"a name that DNS does not know", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(1, "Error"), logLine("dial tcp: lookup orders.shop.svc.cluster.local on 10.96.0.10:53: no such host")},
		"crash/dns", "cannot resolve orders.shop.svc.cluster.local", "-n shop get endpointslices -l kubernetes.io/service-name=orders",
	},
	{
		"a variable that a change took away", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{
			ended(1, "Error"), logLine("Error: environment variable DATABASE_URL is not set"),
			piece(engine.EvidenceChange, "what=env", "from=DATABASE_URL=x", "container=api", "revision=7", "by=kubectl", "ago=2m"),
		},
		"crash/missing-env", "DATABASE_URL", "spec.template.spec.containers[name=api].env",
	},
	{
		"a file that is not there", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(1, "Error"), logLine("open /etc/app/config.yaml: no such file or directory")},
		"crash/missing-file", "/etc/app/config.yaml", "volumeMounts",
	},
	{
		"a warning that it survives, and the error that ends it", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{
			ended(2, "Error"), logLine("WARN cache: open /var/cache/x: no such file or directory"), logLine("starting server"),
			logLine("panic: listen tcp :8080: bind: address already in use"),
		},
		"crash/port-in-use", "port already in use: :8080", "ports",
	},
	{
		"a panic", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(2, "Error"), logLine("panic: runtime error: index out of range [3] with length 3"), logLine("goroutine 1 [running]:")},
		"crash/panic", "index out of range", "logs api-7d9f-x1 -c api --previous",
	},
	{
		"an exit code alone", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(17, "Error"), logLine("bye")},
		"exit/error", "exit code 17", "kubectl -n payments logs api-7d9f-x1 -c api --previous --tail=100",
	},
	{
		"a program that is done", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{ended(0, "Completed")},
		"exit/completed", "ends by itself", "",
	},
	{
		"command not found", "Deployment",
		[]engine.Class{engine.ClassCrashLoop, engine.ClassConfigError},
		[]engine.Evidence{
			ended(128, "StartError"),
			piece(engine.EvidenceContainer, "state=waiting", "reason=RunContainerError", `message=failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "serve": executable file not found in $PATH`),
		},
		"config/command-not-found", "serve", "containers[name=api].command",
	},
	{
		"over the memory limit", "Deployment",
		[]engine.Class{engine.ClassOOMKilled, engine.ClassCrashLoop},
		[]engine.Evidence{
			piece(engine.EvidenceContainer, "state=waiting", "reason=CrashLoopBackOff", "memory_limit=32Mi", "restarts=4"), ended(137, "OOMKilled"),
		},
		"oom/limit", "limit of 32Mi", "spec.template.spec.containers[name=api].resources.limits.memory",
	},
	{
		"over the memory limit, with a complaint in the log", "Deployment",
		[]engine.Class{engine.ClassOOMKilled, engine.ClassCrashLoop},
		[]engine.Evidence{
			piece(engine.EvidenceContainer, "state=running", "memory_limit=512Mi"), ended(137, "OOMKilled"), logLine("ERROR cache: dial tcp 10.0.0.1:6379: connect: connection refused"),
		},
		"oom/limit", "limit of 512Mi", "resources.limits.memory",
	},
	{
		"a node that ran out of memory", "Deployment",
		[]engine.Class{engine.ClassOOMKilled},
		[]engine.Evidence{ended(137, "OOMKilled"), piece(engine.EvidenceNode, "node=n1", "ready=True", "pressure=MemoryPressure")},
		"oom/node", "node n1 ran out of memory", "",
	},
	{
		"a side container that ends well", "Deployment",
		[]engine.Class{engine.ClassCrashLoop},
		[]engine.Evidence{piece(engine.EvidenceTermination, "id=side", "exit_code=0", "reason=Completed"), ended(9, "Error")},
		"exit/error", "exit code 9", "",
	},
	{
		"a container killed for its liveness probe, by its exit code", "Deployment",
		[]engine.Class{engine.ClassProbeFailing, engine.ClassCrashLoop},
		[]engine.Evidence{ended(143, "Error"), event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500")},
		"probe/status", "liveness probe gets HTTP 500", "livenessProbe",
	},
	{
		"a slow start", "Deployment",
		[]engine.Class{engine.ClassProbeFailing},
		[]engine.Evidence{
			piece(engine.EvidenceTermination, "id=end", "exit_code=143", "reason=Error", "started_at=2026-11-20T02:58:00Z", "finished_at=2026-11-20T02:58:40Z"),
			event("Unhealthy", `Liveness probe failed: Get "http://10.0.0.3:8080/healthz": dial tcp 10.0.0.3:8080: connect: connection refused`),
		},
		"probe/slow-start", "before it has started", "startupProbe",
	},
	{
		"a probe at a port where nothing listens", "Deployment",
		[]engine.Class{engine.ClassProbeFailing},
		[]engine.Evidence{event("Unhealthy", `Readiness probe failed: dial tcp 10.0.0.3:9090: connect: connection refused`), piece(engine.EvidenceProbe, "probe=readiness", "container=api", "spec=connect to :9090 every 10s", "message=Readiness probe failed: dial tcp 10.0.0.3:9090: connect: connection refused")},
		"probe/refused", ":9090", "readinessProbe",
	},
	{
		"a probe's command that fails", "Deployment",
		[]engine.Class{engine.ClassProbeFailing},
		[]engine.Evidence{event("Unhealthy", `Readiness probe failed: psql: could not find role`)},
		"probe/command", "readiness probe fails", "readinessProbe.exec.command",
	},
	{
		"a volume of a driver that is not there", "StatefulSet",
		[]engine.Class{engine.ClassClaimPending},
		[]engine.Evidence{piece(engine.EvidenceClaim, "phase=Pending", "storage_class=ebs", "class_exists=true", "name=data"), event("ExternalProvisioning", `Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com' or manually by the system administrator.`)},
		"claim/provisioner", "provisioner does not answer", "get csidrivers",
	},
	{
		"a claim without a class", "StatefulSet",
		[]engine.Class{engine.ClassClaimPending},
		[]engine.Evidence{piece(engine.EvidenceClaim, "phase=Pending", "requested=1Gi", "name=data")},
		"claim/no-class", "no storage class", "",
	},
	{
		"a volume that fails to be made", "StatefulSet",
		[]engine.Class{engine.ClassClaimPending},
		[]engine.Evidence{event("ProvisioningFailed", `failed to provision volume with StorageClass "gp3": rpc error: code = Internal desc = Could not create volume: UnauthorizedOperation`)},
		"claim/provisioner", "UnauthorizedOperation", "ebs-csi-controller",
	},
	{
		"a quota that demands limits", "Deployment",
		[]engine.Class{engine.ClassReplicasMissing},
		[]engine.Evidence{event("FailedCreate", `Error creating: pods "api-1" is forbidden: failed quota: compute: must specify limits.cpu for: api`)},
		"quota/needs-limits", "limits.cpu", "resources",
	},
	{
		"a webhook that refuses", "Deployment",
		[]engine.Class{engine.ClassReplicasMissing},
		[]engine.Evidence{event("FailedCreate", `Error creating: admission webhook "validate.kyverno.svc" denied the request: no latest tag`)},
		"quota/admission", "validate.kyverno.svc", "describe deployment api",
	},
	{
		"a volume that does not mount", "Deployment",
		[]engine.Class{engine.ClassConfigError},
		[]engine.Evidence{event("FailedMount", `MountVolume.MountDevice failed for volume "pvc-1" : rpc error: code = Internal desc = Failed to find device`)},
		"config/mount", "volume pvc-1", "describe pod api-7d9f-x1",
	},
	{
		"an image that runs as root", "Deployment",
		[]engine.Class{engine.ClassConfigError},
		[]engine.Evidence{event("Failed", `Error: container has runAsNonRoot and image will run as root (pod: "api", container: api)`)},
		"config/run-as-root", "runs as root", "securityContext.runAsUser",
	},
	{
		"a pull whose reason is not known", "Deployment",
		[]engine.Class{engine.ClassImagePull},
		[]engine.Evidence{piece(engine.EvidenceContainer, "state=waiting", "reason=ImagePullBackOff", "image=a:1", `message=Back-off pulling image "a:1"`)},
		"image/unknown", "a:1", "describe pod",
	},
	{
		"a tag that does not exist", "Deployment",
		[]engine.Class{engine.ClassImagePull, engine.ClassRolloutStuck},
		[]engine.Evidence{
			piece(engine.EvidenceContainer, "state=waiting", "reason=ImagePullBackOff", "image=registry.local/shop/web:v9-missing",
				`message=Back-off pulling image "registry.local/shop/web:v9-missing": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "registry.local/shop/web:v9-missing": failed to resolve reference "registry.local/shop/web:v9-missing": registry.local/shop/web:v9-missing: not found`),
			piece(engine.EvidenceChange, "what=image", "from=registry.local/shop/web:v8", "to=registry.local/shop/web:v9-missing", "container=api", "revision=3", "ago=5s"),
		},
		"image/not-found", "registry.local/shop/web:v9-missing does not exist", "rollout undo deployment/api",
	},
	{
		"no credentials for the registry", "Deployment",
		[]engine.Class{engine.ClassImagePull},
		[]engine.Evidence{event("Failed", `Failed to pull image "ghcr.io/acme/app:1": failed to pull and unpack image "ghcr.io/acme/app:1": failed to resolve reference "ghcr.io/acme/app:1": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token: 401 Unauthorized`)},
		"image/unauthorized", "ghcr.io/acme/app:1", "image",
	},
	{
		"a registry out of reach", "Deployment",
		[]engine.Class{engine.ClassImagePull},
		[]engine.Evidence{event("Failed", `Failed to pull image "r.acme.io/app:1": failed to resolve reference "r.acme.io/app:1": failed to do request: Head "https://r.acme.io/v2/app/manifests/1": dial tcp: lookup r.acme.io on 10.0.0.2:53: no such host`)},
		"image/unreachable", "r.acme.io/app:1", "",
	},
	{
		"too many pulls", "Deployment",
		[]engine.Class{engine.ClassImagePull},
		[]engine.Evidence{event("Failed", `Failed to pull image "nginx": httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/library/nginx/manifests/sha256:1: 429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit.`)},
		"image/rate-limit", "nginx", "",
	},
	{
		"an invalid name", "Deployment",
		[]engine.Class{engine.ClassImagePull},
		[]engine.Evidence{piece(engine.EvidenceContainer, "state=waiting", "reason=InvalidImageName", "image=Bad:Image:1", `message=Failed to apply default image tag "Bad:Image:1": couldn't parse image name "Bad:Image:1": invalid reference format`)},
		"image/invalid-name", "Bad:Image:1", "",
	},
	{
		"no ConfigMap", "Deployment",
		[]engine.Class{engine.ClassConfigError},
		[]engine.Evidence{
			piece(engine.EvidenceContainer, "state=waiting", "reason=CreateContainerConfigError", `message=configmap "book-config" not found`),
			piece(engine.EvidenceReference, "kind=ConfigMap", "name=book-config", "exists=false"),
		},
		"config/missing-configmap", "ConfigMap book-config does not exist", "kubectl -n payments get configmaps",
	},
	{
		"no Secret", "Deployment",
		[]engine.Class{engine.ClassConfigError},
		[]engine.Evidence{event("Failed", `Error: secret "db" not found`)},
		"config/missing-secret", "Secret db does not exist", "kubectl -n payments get secrets",
	},
	{
		"no key", "Deployment",
		[]engine.Class{engine.ClassConfigError},
		[]engine.Evidence{event("Failed", "Error: couldn't find key DB_HOST in ConfigMap payments/app-config")},
		"config/missing-key", "ConfigMap app-config has no key DB_HOST", "describe configmap app-config",
	},
	{
		"a volume of a Secret that is not there", "Deployment",
		[]engine.Class{engine.ClassConfigError},
		[]engine.Evidence{event("FailedMount", `MountVolume.SetUp failed for volume "tls" : secret "web-tls" not found`)},
		"config/missing-secret", "web-tls", "",
	},
	{
		"no free address", "Deployment",
		[]engine.Class{engine.ClassConfigError},
		[]engine.Evidence{event("FailedCreatePodSandBox", `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "1": plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container`)},
		"config/no-address", "no free IP address", "k8s-app=aws-node",
	},
	{
		"larger than any node", "Deployment",
		[]engine.Class{engine.ClassUnschedulable},
		[]engine.Evidence{
			piece(engine.EvidencePod, "phase=Pending", "reason=Unschedulable", "message=0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."),
			piece(engine.EvidenceContainer, "cpu_request=900"),
		},
		"schedule/too-big", "more cpu than any node has (it asks for 900)", "resources.requests.cpu",
	},
	{
		"nodes that are full", "Deployment",
		[]engine.Class{engine.ClassUnschedulable},
		[]engine.Evidence{event("FailedScheduling", "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient memory. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.")},
		"schedule/insufficient", "not enough memory free", "resources.requests",
	},
	{
		"nodes set apart, and one that is full", "Deployment",
		[]engine.Class{engine.ClassUnschedulable},
		[]engine.Evidence{event("FailedScheduling", "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint {dedicated: gpu}. preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.")},
		"schedule/insufficient", "memory", "",
	},
	{
		"all nodes tainted", "Deployment",
		[]engine.Class{engine.ClassUnschedulable},
		[]engine.Evidence{event("FailedScheduling", "0/3 nodes are available: 3 node(s) had untolerated taint(s). preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.")},
		"schedule/taint", "taint", "spec.template.spec.tolerations",
	},
	{
		"no node matches", "Deployment",
		[]engine.Class{engine.ClassUnschedulable},
		[]engine.Evidence{event("FailedScheduling", "0/5 nodes are available: 5 node(s) didn't match Pod's node affinity/selector. preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling.")},
		"schedule/affinity", "selector", "spec.template.spec.nodeSelector",
	},
	{
		"a volume in another zone", "StatefulSet",
		[]engine.Class{engine.ClassUnschedulable},
		[]engine.Evidence{event("FailedScheduling", "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had volume node affinity conflict. preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.")},
		"schedule/volume-zone", "another zone", "",
	},
	{
		"a claim of a class that is not there", "StatefulSet",
		[]engine.Class{engine.ClassClaimPending, engine.ClassUnschedulable},
		[]engine.Evidence{
			piece(engine.EvidenceClaim, "phase=Pending", "storage_class=fast", "class_exists=false", "name=data-api-0"),
			event("ProvisioningFailed", `storageclass.storage.k8s.io "fast" not found`),
			event("FailedScheduling", "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."),
		},
		"claim/class-missing", "storage class fast does not exist", "kubectl get storageclass",
	},
	{
		"a liveness probe that was moved", "Deployment",
		[]engine.Class{engine.ClassProbeFailing, engine.ClassCrashLoop},
		[]engine.Evidence{
			ended(137, "Error"),
			event("Unhealthy", `Liveness probe failed: Get "http://10.88.0.12:8081/": dial tcp 10.88.0.12:8081: connect: connection refused`),
			piece(engine.EvidenceChange, "what=probe", "from=liveness=GET http :8080/ every 2s, timeout 1s, fails after 2", "to=liveness=GET http :8081/ every 2s, timeout 1s, fails after 2", "container=api", "revision=2", "by=scenario", "ago=8s"),
		},
		"probe/after-change", ":8080/ → :8081/", "rollout undo deployment/api",
	},
	{
		"a readiness probe that gets a 500", "Deployment",
		[]engine.Class{engine.ClassProbeFailing},
		[]engine.Evidence{event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500")},
		"probe/status", "HTTP 500", "readinessProbe",
	},
	{
		"a probe that waits in vain", "Deployment",
		[]engine.Class{engine.ClassProbeFailing},
		[]engine.Evidence{event("Unhealthy", `Liveness probe failed: Get "http://10.0.1.7:8080/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`)},
		"probe/timeout", "no answer in time", "livenessProbe.timeoutSeconds",
	},
	{
		"a readiness probe that a dependency fails", "Deployment",
		[]engine.Class{engine.ClassProbeFailing},
		[]engine.Evidence{
			event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
			logLine("ERROR health: redis: dial tcp 10.96.3.4:6379: connect: connection refused"),
		},
		"crash/dependency-refused", "10.96.3.4:6379", "kubectl get services -A -o wide",
	},
	{
		"a callee that answers with its own failure", "Deployment",
		[]engine.Class{engine.ClassAlert},
		[]engine.Evidence{piece(engine.EvidenceAlert, "alertname=AutopilotDependencyErrors", "callee=cart.shop:8080", "code=502")},
		"near/callee", "it began in shop/cart, which answers with 502", "kubectl -n shop describe service cart",
	},
	{
		"a probe that was refused at the start, and gets no answer now", "Deployment",
		[]engine.Class{engine.ClassProbeFailing},
		[]engine.Evidence{
			piece(engine.EvidenceEvent, "id=event/1", "type=Warning", "reason=Unhealthy", `message=Liveness probe failed: Get "http://10.0.1.7:8080/healthz": dial tcp 10.0.1.7:8080: connect: connection refused`, "ago=6m"),
			piece(engine.EvidenceEvent, "id=event/2", "type=Warning", "reason=Unhealthy", `message=Readiness probe failed: Get "http://10.0.1.7:8080/readyz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`, "ago=-2s"),
		},
		"probe/timeout", "readiness probe gets no answer in time", "readinessProbe.timeoutSeconds",
	},
	{
		"a program that waited for its callee at its start, and whose callee is slow now", "Deployment",
		[]engine.Class{engine.ClassHighLatency},
		[]engine.Evidence{
			piece(engine.EvidenceContainer, "ready=true", "state=running"),
			piece(engine.EvidenceLog, "line=WARN callee gateway:80: dial tcp 10.96.3.4:80: connect: connection refused", "previous=false", "ago=4m"),
			piece(engine.EvidenceNeighbor, "rank=1", "relation=calls", "kind=Deployment", "namespace=payments", "name=gateway", "share=0.90", "measure=latency", "now=1.2 s", "usual=20 ms", "first=true"),
		},
		"near/callee", "it began in payments/gateway", "describe deployment gateway",
	},
	{
		"evicted for disk", "Deployment",
		[]engine.Class{engine.ClassEvicted},
		[]engine.Evidence{piece(engine.EvidencePod, "phase=Failed", "reason=Evicted", "message=The node was low on resource: ephemeral-storage. Threshold quantity: 2139512454, available: 1986648Ki. Container api was using 5Gi, request is 0, has larger consumption of ephemeral-storage. ")},
		"evict/disk", "short of disk", "ephemeral-storage",
	},
	{
		"evicted for memory", "Deployment",
		[]engine.Class{engine.ClassEvicted},
		[]engine.Evidence{piece(engine.EvidencePod, "phase=Failed", "reason=Evicted", "message=The node was low on resource: memory. Threshold quantity: 100Mi, available: 88Mi.")},
		"evict/memory", "short of memory", "resources.requests.memory",
	},
	{
		"evicted for its own limit", "Deployment",
		[]engine.Class{engine.ClassEvicted},
		[]engine.Evidence{piece(engine.EvidencePod, "phase=Failed", "reason=Evicted", "message=Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ")},
		"evict/own-storage", "than its limit", "resources.limits.ephemeral-storage",
	},
	{
		"a silent kubelet", engine.KindNode,
		[]engine.Class{engine.ClassNodeNotReady},
		[]engine.Evidence{piece(engine.EvidenceNode, "node=ip-10-0-3-4.ec2.internal", "ready=Unknown", "reason=NodeStatusUnknown", "message=Kubelet stopped posting node status.")},
		"node/kubelet-silent", "kubelet stopped reporting", "kubectl describe node ip-10-0-3-4.ec2.internal",
	},
	{
		"a node without its network", engine.KindNode,
		[]engine.Class{engine.ClassNodeNotReady},
		[]engine.Evidence{piece(engine.EvidenceNode, "node=n1", "ready=False", "reason=KubeletNotReady", "message=container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized")},
		"node/network", "pod network", "",
	},
	{
		"a full disk", engine.KindNode,
		[]engine.Class{engine.ClassNodePressure},
		[]engine.Evidence{piece(engine.EvidenceNode, "node=n1", "ready=True", "pressure=DiskPressure")},
		"node/disk", "short of disk", "",
	},
	{
		"pods of a node that is down", "Deployment",
		[]engine.Class{engine.ClassReplicasMissing},
		[]engine.Evidence{piece(engine.EvidenceNode, "node=n1", "ready=Unknown", "message=Kubelet stopped posting node status.")},
		"node/down", "node n1 is down", "kubectl describe node n1",
	},
	{
		"a job whose container fails", "Job",
		[]engine.Class{engine.ClassJobFailed},
		[]engine.Evidence{
			piece(engine.EvidenceJob, "reason=BackoffLimitExceeded", "message=Job has reached the specified backoff limit", "failed=4", "name=nightly"), ended(1, "Error"),
			logLine(`FATAL:  password authentication failed for user "app"`),
		},
		"crash/dependency-auth", "refuses the credentials", "",
	},
	{
		"a job that says nothing", "Job",
		[]engine.Class{engine.ClassJobFailed},
		[]engine.Evidence{piece(engine.EvidenceJob, "reason=BackoffLimitExceeded", "message=Job has reached the specified backoff limit", "failed=4", "name=nightly")},
		"job/backoff-limit", "failed too often (4)", "logs job/nightly",
	},
	{
		"a job past its deadline", "CronJob",
		[]engine.Class{engine.ClassJobFailed},
		[]engine.Evidence{piece(engine.EvidenceJob, "reason=DeadlineExceeded", "message=Job was active longer than specified deadline", "deadline=600s", "name=nightly")},
		"job/deadline", "deadline of 600s", "spec.jobTemplate.spec.activeDeadlineSeconds",
	},
	{
		"a quota that is used up", "Deployment",
		[]engine.Class{engine.ClassReplicasMissing},
		[]engine.Evidence{event("FailedCreate", `Error creating: pods "api-7d9f-abcde" is forbidden: exceeded quota: compute, requested: limits.memory=1Gi, used: limits.memory=8Gi, limited: limits.memory=8Gi`)},
		"quota/exceeded", "quota compute", "describe resourcequota compute",
	},
	{
		"a rollout that hangs after a change", "Deployment",
		[]engine.Class{engine.ClassRolloutStuck},
		[]engine.Evidence{
			piece(engine.EvidenceRollout, "desired=3", "updated=1", "ready=3", "reason=ProgressDeadlineExceeded", `message=ReplicaSet "api-7d9f" has timed out progressing.`),
			piece(engine.EvidenceChange, "what=image", "from=api:1", "to=api:2", "container=api", "revision=2", "by=helm api", "ago=11m"),
		},
		"rollout/change", "image api:1 → api:2", "rollout undo deployment/api",
	},
}
