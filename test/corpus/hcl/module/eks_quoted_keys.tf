module "eks" {
  source = "terraform-aws-modules/eks/aws"
  eks_managed_node_groups = {
    "general" = {
      "min_size"     = 1
      "max_size"     = 5,
      "desired_size" = 2,
    },
    "with.dots/and-slashes" : {
      min_size : 1, max_size : 2,
      desired_size : 1
    }
    (local.extra_name) = { desired_size = 1 }
    "${var.prefix}-x"  = { desired_size = 2 }
  }
}
