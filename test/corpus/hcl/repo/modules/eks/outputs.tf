output "cluster_name" { value = aws_eks_cluster.this.name }

output "node_group" {
  value = {
    name   = aws_eks_node_group.default.node_group_name
    status = aws_eks_node_group.default.status
    fixed  = 1
  }
}
