resource "kubernetes_manifest" "m" {
  manifest = yamldecode(<<-YAML
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: x
    data:
      size: "3"
  YAML
  )
  count = 1
}
