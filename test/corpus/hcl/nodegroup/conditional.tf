resource "aws_eks_node_group" "cond" {
  cluster_name    = terraform.workspace == "prod" ? "prod" : "dev"
  node_group_name = "cond"

  scaling_config {
    desired_size = terraform.workspace == "prod" ? 6 : 1
    max_size     = local.is_prod ? (var.peak ? 20 : 12) : 2
    min_size     = max(1, var.min_size, 2 + 1)
  }
}
