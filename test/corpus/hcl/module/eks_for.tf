module "eks" {
  source = "terraform-aws-modules/eks/aws"

  eks_managed_node_groups = {
    for az in local.azs : "general-${az}" => {
      desired_size = 1
      min_size     = 1
      max_size     = 4
      subnet_ids   = [module.vpc.private_subnets[index(local.azs, az)]]
    } if az != "eu-west-1c"
  }
}
