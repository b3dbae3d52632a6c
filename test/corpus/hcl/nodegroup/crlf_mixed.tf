resource "aws_eks_node_group" "mixed" {
  cluster_name = "prod"
  node_group_name = "mixed"

  scaling_config {
    desired_size = 2
    max_size     = 4
    min_size     = 2
  }
}
