resource "aws_eks_node_group" "all_at_once" {
  cluster_name    = "prod"
  node_group_name = "all-at-once"
  scaling_config {
    desired_size = 2
    max_size     = 2
    min_size     = 2
  }
}