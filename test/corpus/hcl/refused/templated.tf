resource "aws_eks_node_group" "{{ .Name }}" {
  {{- if .Scaling }}
  size = {{ .Size }}
  {{- end }}
}
