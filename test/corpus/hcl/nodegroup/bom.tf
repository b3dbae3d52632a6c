resource "aws_eks_node_group" "bom" {
  cluster_name    = "prod"
  node_group_name = "bom"
  scaling_config {
    desired_size = 2
    max_size     = 2
    min_size     = 2
  }
}
