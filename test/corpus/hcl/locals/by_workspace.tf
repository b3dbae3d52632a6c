locals {
  sizes = {
    default = { desired = 1, min = 1 }
    staging = { desired = 2, min = 1 }
    prod    = { desired = 9, min = 6 }
  }
  size = lookup(local.sizes, terraform.workspace, local.sizes["default"])
}

resource "aws_eks_node_group" "w" {
  node_group_name = "w-${terraform.workspace}"
  scaling_config {
    desired_size = local.size.desired
    min_size     = local.size["min"]
    max_size     = local.size.desired * 2
  }
}
