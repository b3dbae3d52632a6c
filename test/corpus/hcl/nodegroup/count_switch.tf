resource "aws_eks_node_group" "batch" {
  count = var.batch_enabled ? 1 : 0

  cluster_name    = "prod"
  node_group_name = "batch"

  scaling_config {
    desired_size = var.batch_enabled ? 2 : 0
    max_size     = 10
    min_size     = 0
  }
}
