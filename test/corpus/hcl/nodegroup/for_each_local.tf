locals {
  node_groups = {
    general = { desired_size = 3, min_size = 2, max_size = 9, types = ["m6i.xlarge"] }
    memory = {
      desired_size = 2
      min_size     = 2
      max_size     = 4
      types        = ["r6i.2xlarge", "r6a.2xlarge"]
    }
  }
}

resource "aws_eks_node_group" "by_name" {
  for_each        = local.node_groups
  cluster_name    = "shop"
  node_group_name = each.key
  instance_types  = each.value.types

  scaling_config {
    desired_size = each.value.desired_size
    min_size     = each.value.min_size
    max_size     = each.value.max_size
  }
}
