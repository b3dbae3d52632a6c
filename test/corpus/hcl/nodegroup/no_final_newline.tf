resource "aws_eks_node_group" "last" {
  node_group_name = "last"
  scaling_config {
    desired_size = 5
    max_size     = 5
    min_size     = 5
  }
}