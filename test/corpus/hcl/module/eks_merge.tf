module "eks" {
  source = "terraform-aws-modules/eks/aws"

  eks_managed_node_groups = merge(
    {
      system = { min_size = 2, desired_size = 2, max_size = 3 }
    },
    var.enable_gpu ? {
      gpu = { min_size = 0, desired_size = 1, max_size = 2 }
    } : {},
    { for name, size in var.more : name => { desired_size = size } },
  )
}
