module "eks" {
  source  = "terraform-aws-modules/eks/aws"
  version = "~> 20.24"

  cluster_name    = "prod"
  cluster_version = "1.30"

  eks_managed_node_groups = {
    general = { desired_size = 3 }
    batch = {
      min_size     = 0
      max_size     = 30
      desired_size = 0

      instance_types = ["c6i.4xlarge"]
      capacity_type  = "SPOT"

      labels = { role = "batch" }
      taints = {
        batch = {
          key    = "role"
          value  = "batch"
          effect = "NO_SCHEDULE"
        }
      }
    }
  }
}
