resource "helm_release" "autoscaler" {
  name       = "cluster-autoscaler"
  repository = "https://kubernetes.github.io/autoscaler"
  chart      = "cluster-autoscaler"
  version    = "9.37.0"
  timeout    = 600

  set {
    name  = "replicaCount"
    value = 2
  }

  set {
    name  = "podAnnotations.cluster-autoscaler\\.kubernetes\\.io/safe-to-evict"
    value = "false"
    type  = "string"
  }

  values = [
    file("values.yaml"),
    yamlencode({
      resources = { requests = { cpu = "100m" } }
    }),
    <<-YAML
      priorityClassName: system-cluster-critical
    YAML
  ]
}
