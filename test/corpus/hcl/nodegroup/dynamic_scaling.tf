resource "aws_eks_node_group" "dyn" {
  cluster_name    = "prod"
  node_group_name = "dyn"

  dynamic "scaling_config" {
    for_each = [var.scaling]
    content {
      desired_size = scaling_config.value["desired"]
      max_size     = scaling_config.value["max"]
      min_size     = scaling_config.value["min"]
    }
  }
}
